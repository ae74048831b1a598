// A vocoder in a Worker: the same methods, each giving a promise, while the page stays responsive.
import { ModelError } from "./engine.js";

const ERRORS = { ModelError, RangeError, TypeError }; // by name: all that a Worker can send of them

export async function loadInWorker(source, { onProgress, wasm } = {}) {
  const vocoder = new WorkerVocoder();
  try {
    const absolute = (place) =>
      typeof place === "string" || place instanceof URL ? new URL(place, globalThis.location.href).href : place;
    const options = { onProgress, wasm: absolute(wasm) };
    return Object.assign(vocoder, await vocoder.call("load", [absolute(source)], options));
  } catch (error) {
    vocoder.free();
    throw error;
  }
}

export class WorkerVocoder {
  #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  #calls = new Map(); // number: { resolve, reject, onProgress }
  #last = 0;

  constructor() {
    this.#worker.onmessage = ({ data }) => this.#answer(data);
    this.#worker.onerror = ({ message }) => {
      for (const { reject } of this.#calls.values()) reject(new Error(`the worker failed: ${message}`));
      this.#calls.clear();
    };
  }

  #answer({ number, result, error, progress }) {
    const call = this.#calls.get(number);
    if (progress) {
      call.onProgress?.(...progress);
      return;
    }
    this.#calls.delete(number);
    if (!error) {
      call.resolve(result);
      return;
    }
    const Kind = ERRORS[error.name] ?? Error;
    call.reject(Object.assign(new Kind(error.message), { name: error.name }));
  }

  /** Of the module's own. */
  call(method, values, { onProgress, ...options } = {}) {
    return new Promise((resolve, reject) => {
      const number = ++this.#last;
      this.#calls.set(number, { resolve, reject, onProgress });
      this.#worker.postMessage({ number, method, values, options });
    });
  }

  vocode(mel, f0 = null, options = {}) {
    return this.call("vocode", [mel, f0], options);
  }

  predictF0(mel) {
    return this.call("predictF0", [mel]);
  }

  melOf(audio) {
    return this.call("melOf", [audio]);
  }

  resynth(audio, options = {}) {
    return this.call("resynth", [audio], options);
  }

  free() {
    this.#worker.terminate();
  }
}
