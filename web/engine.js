// The compiled engine in any JavaScript context: page, worker, audio worklet, node. Knows addresses and errors, no shapes.

/** A model file that cannot be read, or is not exactly the model that it says it is. */
export class ModelError extends Error {
  name = "ModelError";
}

const NOT_SUPPORTED = 52; // ENOSYS of WASI: no files, no clock, no console

// What the C++ library asks of its surroundings, none of which the engine ever uses in earnest.
function surroundings(module) {
  const imports = {};
  for (const { module: owner, name } of WebAssembly.Module.imports(module)) {
    imports[owner] ??= {};
    imports[owner][name] = () => NOT_SUPPORTED;
  }
  if (imports.env) imports.env.emscripten_notify_memory_growth = () => {};
  if (imports.wasi_snapshot_preview1) {
    imports.wasi_snapshot_preview1.proc_exit = (code) => {
      throw new Error(`the engine ended itself with code ${code}`);
    };
  }
  return imports;
}

/** One instance of the engine with its own memory. */
export class Engine {
  /** @param {WebAssembly.Module} module wavehax.wasm, compiled */
  constructor(module) {
    this.exports = new WebAssembly.Instance(module, surroundings(module)).exports;
    this.exports._initialize();
  }

  /** The text at an address, up to its zero byte. An audio worklet has no TextDecoder; its texts are ASCII. */
  text(address) {
    const bytes = new Uint8Array(this.exports.memory.buffer);
    const end = bytes.indexOf(0, address);
    const text = bytes.subarray(address, end);
    return globalThis.TextDecoder ? new TextDecoder().decode(text) : String.fromCharCode(...text);
  }

  get lastError() {
    return this.text(this.exports.last_error());
  }

  /** `result` of a call, unless that failed. */
  checked(result) {
    if (result < 0) throw new RangeError(this.lastError);
    return result;
  }

  /** The address that a call has made, unless it failed. */
  made(address, Kind = RangeError) {
    if (address === 0) throw new Kind(this.lastError);
    return address;
  }

  /** A view of `count` floats, until memory grows. */
  floats(address, count) {
    return new Float32Array(this.exports.memory.buffer, address, count);
  }

  /**
   * Calls `work(block)`, where block(floats or a count) gives the address of a copy, or of so many values not yet set.
   * All of them are freed afterwards.
   */
  withBlocks(work) {
    const addresses = [];
    const block = (floats) => {
      const count = typeof floats === "number" ? floats : floats.length;
      const address = this.made(this.exports.memory_new(4 * Math.max(1, count)));
      addresses.push(address);
      if (typeof floats !== "number") this.floats(address, count).set(floats);
      return address;
    };
    try {
      return work(block);
    } finally {
      for (const address of addresses) this.exports.memory_free(address);
    }
  }

  /** The address of a model, from the bytes of its file. */
  loadModel(bytes) {
    const address = this.made(this.exports.memory_new(bytes.length), ModelError);
    try {
      new Uint8Array(this.exports.memory.buffer, address, bytes.length).set(bytes);
      return this.made(this.exports.model_new(address, bytes.length), ModelError);
    } finally {
      this.exports.memory_free(address);
    }
  }
}
