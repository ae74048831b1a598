// The package: `import { load } from "wavehax"`. wavehax.d.ts says what everything takes and gives.
export { loadInWorker, WorkerVocoder } from "./background.js";
export { ModelError } from "./engine.js";
export { LiveVoice } from "./live.js";
export { load, MelStream, Stream, Vocoder } from "./vocoder.js";
