// What background.js starts: one vocoder, and calls of its methods.
import { load } from "./vocoder.js";

let vocoder = null;

async function run(method, values, options) {
  if (method !== "load") return vocoder[method](...values, options);
  vocoder = await load(...values, options);
  const { config, sampleRate, hopLength, nMels, delay, streamable, predictsF0 } = vocoder;
  return { config, sampleRate, hopLength, nMels, delay, streamable, predictsF0 };
}

self.onmessage = async ({ data: { number, method, values, options } }) => {
  const onProgress = (done, total) => self.postMessage({ number, progress: [done, total] });
  try {
    const result = await run(method, values, { ...options, onProgress });
    self.postMessage({ number, result }, ArrayBuffer.isView(result) ? [result.buffer] : []);
  } catch (error) {
    self.postMessage({ number, error: { name: error.name, message: error.message } });
  }
};
