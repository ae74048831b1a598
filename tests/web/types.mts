// All that wavehax.d.ts exports, used as docs/browser.md says, and wrong uses that it must refuse. test_types.py compiles
// it; nothing runs it.
import {
  load,
  loadInWorker,
  LiveVoice,
  MelStream,
  ModelError,
  Stream,
  Vocoder,
  WorkerVocoder,
  type Features,
  type LiveStats,
  type LoadOptions,
  type ModelConfig,
  type ModelInfo,
  type Numbers,
  type Pitch,
  type ResynthOptions,
  type Source,
  type VocodeOptions,
} from "../../web/wavehax.js";

const model = "vocos-24k.safetensors";
const mel = new Float32Array(400);
const f0 = [100, 0, 120.5, 0];
const audio = new Float64Array(24000);

export async function loading(module: WebAssembly.Module): Promise<void> {
  const options: LoadOptions = {
    onProgress: (loaded: number, total: number | null) => console.log(loaded, total),
    signal: new AbortController().signal,
    wasm: module,
  };
  const sources: Source[] = [model, new URL("https://example.org/"), new ArrayBuffer(8), new DataView(new ArrayBuffer(8))];
  for (const source of sources) await load(source, options);
  try {
    await load(new Uint8Array(8), { wasm: "wavehax.wasm" });
  } catch (error) {
    if (error instanceof ModelError) console.log(error.message.length);
  }
  // @ts-expect-error: a signal cannot be sent to a Worker
  await loadInWorker(model, { signal: new AbortController().signal });
  // @ts-expect-error: the total is null where the server does not tell
  await load(model, { onProgress: (loaded: number, total: number) => console.log(loaded / total) });
  // @ts-expect-error
  await load(null);
  // @ts-expect-error: vocoders are loaded
  new Vocoder(module, new Uint8Array(8));
}

export function told(voc: Vocoder): void {
  const info: ModelInfo = voc;
  const config: ModelConfig = info.config;
  const features: Features = config.features;
  const scale: "slaney" | "htk" = features.mel_scale;
  const sizes: number[] = [info.sampleRate, info.hopLength, info.nMels, info.delay];
  const answers: boolean[] = [info.streamable, info.predictsF0];
  console.log(scale, sizes, answers);
  // @ts-expect-error: a model does not change
  voc.sampleRate = 48000;
  // @ts-expect-error: fields have the names of the file
  console.log(features.hopLength);
  // @ts-expect-error: a config has features
  const none: ModelConfig = { generator: {}, provenance: {} };
  console.log(none);
}

export function whole(voc: Vocoder): Float32Array {
  const options: VocodeOptions = { seed: 2n ** 63n, f0Scale: 1.5 };
  const inputs: Numbers[] = [mel, audio, [1, 2, 3], [1, 2, 3] as const];
  for (const input of inputs) voc.vocode(input);
  voc.vocode(mel, null, { seed: 1 });
  const changed: ResynthOptions = { whisper: true, seed: 3, onProgress: (done, total) => console.log(done / total) };
  const wave: Float32Array = voc.resynth(audio, changed);
  const itsMel: Float32Array = voc.melOf(wave);
  const itsF0: Float32Array = voc.predictF0(itsMel);
  // @ts-expect-error: a vocoder in this page gives samples and no promise
  voc.vocode(mel).then(console.log);
  // @ts-expect-error: integers are no sound
  voc.melOf(new Int16Array(24000));
  // @ts-expect-error
  voc.vocode([[1, 2], [3, 4]]);
  // @ts-expect-error
  voc.vocode(mel, f0, { seed: "1" });
  // @ts-expect-error: names are those of JavaScript
  voc.vocode(mel, f0, { f0_scale: 2 });
  // @ts-expect-error: a mel has no pitch to take away
  voc.vocode(mel, f0, { monotone: 100 });
  voc.free();
  return voc.vocode(itsMel, itsF0, options);
}

export function streaming(voc: Vocoder): void {
  const stream: Stream = voc.stream({ seed: 7, f0Scale: 0.8 });
  const some: Float32Array = stream.push(mel, f0);
  const rest: Float32Array = stream.flush();
  stream.reset();
  stream.reset(8n);
  stream.free();
  const mels: MelStream = voc.melStream();
  const frames: number = mels.push(audio).length + mels.flush().length;
  mels.free();
  console.log(some, rest, frames, stream.delay + mels.delay);
  // @ts-expect-error: streams come from a vocoder
  new Stream(voc);
  // @ts-expect-error
  new MelStream(voc);
  // @ts-expect-error: the end takes no frames
  stream.flush(mel);
  // @ts-expect-error: a recording's mel begins anew with another stream
  mels.reset();
}

export async function live(voc: Vocoder, source: AudioNode): Promise<void> {
  const context = new AudioContext({ sampleRate: voc.sampleRate });
  const voice: LiveVoice = await voc.live(context, { f0Scale: 2 ** (3 / 12), seed: 1n });
  source.connect(voice.node).connect(context.destination);
  const pitches: Pitch[] = [{ monotone: 120 }, { monotone: null }, { whisper: true, f0Scale: 2 }, {}];
  for (const pitch of pitches) voice.set(pitch);
  const stats: LiveStats = await voice.stats();
  const { seconds, busySeconds, underruns } = stats;
  console.log(busySeconds / seconds, underruns, voice.delay, voice.ringCapacity);
  voice.stop();
  await voc.live(new OfflineAudioContext(1, 24000, 24000));
  // @ts-expect-error: it becomes a voice only when the audio thread has it
  voc.live(context).stop();
  // @ts-expect-error: the seed is that of the whole voice
  voice.set({ seed: 1 });
  // @ts-expect-error
  voice.set({ monotone: "120" });
  // @ts-expect-error: voices come from a vocoder
  new LiveVoice(voice.node, voc);
}

export async function inWorker(bytes: Uint8Array): Promise<void> {
  const worker: WorkerVocoder = await loadInWorker(bytes, { onProgress: (loaded) => console.log(loaded) });
  const info: ModelInfo = worker;
  const wave: Float32Array = await worker.vocode(mel, f0, { seed: 1 });
  const itsMel: Float32Array = await worker.melOf(wave);
  const itsF0: Float32Array = await worker.predictF0(itsMel);
  const again: Float32Array = await worker.resynth(audio, { monotone: 120, onProgress: (done, total) => done / total });
  worker.free();
  console.log(info.nMels, itsF0, again);
  // @ts-expect-error: a Worker answers with a promise
  console.log(worker.vocode(mel).length);
  // @ts-expect-error: streams are those of a vocoder in this page
  worker.stream();
  // @ts-expect-error
  new WorkerVocoder();
}
