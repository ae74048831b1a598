// Bytes from a URL, a file: URL in node, or memory; and the compiled module, once for all.

/** @returns {Promise<Uint8Array>} */
export async function fetchBytes(source, { onProgress, signal } = {}) {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (typeof source !== "string" && !(source instanceof URL)) {
    const given = source === null ? "null" : typeof source;
    throw new TypeError(`source is ${given}: expected a URL, an ArrayBuffer or a view of one`);
  }
  const url = new URL(source, globalThis.location?.href ?? import.meta.url);
  if (url.protocol === "file:" && globalThis.process?.versions?.node) {
    const { readFile } = await import("node:fs/promises");
    return new Uint8Array(await readFile(url));
  }
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`${url}: the server answers ${response.status} ${response.statusText}`);
  return collect(response, onProgress);
}

async function collect(response, onProgress) {
  // With a content encoding the length is that of what is sent, not of what arrives here.
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  const total = length === null ? null : Number(length);
  const parts = [];
  let loaded = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    loaded += value.length;
    onProgress?.(loaded, total);
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const modules = new Map();

/** @returns {Promise<WebAssembly.Module>} of wavehax.wasm beside this file, or of another URL, bytes or module */
export async function compiledModule(wasm = new URL("./wavehax.wasm", import.meta.url)) {
  if (wasm instanceof WebAssembly.Module) return wasm;
  if (typeof wasm !== "string" && !(wasm instanceof URL)) return WebAssembly.compile(await fetchBytes(wasm));
  const key = String(wasm);
  if (!modules.has(key)) modules.set(key, fetchBytes(wasm).then((bytes) => WebAssembly.compile(bytes)));
  try {
    return await modules.get(key);
  } catch (error) {
    modules.delete(key); // the next try may succeed
    const advice = "the engine cannot be loaded; csrc/wasm/build.sh makes web/wavehax.wasm.";
    throw new Error(`${advice} ${error.message}`, { cause: error });
  }
}
