/**
 * Mel-spectrogram and F0 to waveform, in the browser and in node, by the same model files as in Python.
 *
 * A mel is float32, frame after frame: value t * nMels + k is band k of frame t (numpy: `mel.T.ravel()`), the
 * log-mel-spectrogram that `config.features` defines. F0 is one value in Hz for each frame, at least 1, or 0 where unvoiced.
 * Sound is mono, nominally in [-1, 1], at the model's `sampleRate`; hopLength samples for every frame.
 *
 * Wrong shapes and values throw a RangeError, wrong types a TypeError, files that are no model a ModelError. What holds an
 * address in the engine's memory has a `free()`; memory that is not freed goes with the page.
 */

/** Numbers; a Float32Array is read as it is, others are converted. */
export type Numbers = Float32Array | Float64Array | readonly number[];

/** A URL (relative to the page), the bytes of a file, or a view of them. In node also a file: URL. */
export type Source = string | URL | ArrayBuffer | ArrayBufferView;

export interface LoadOptions {
  /** Called while the model arrives: bytes so far, and in all, or null where the server does not tell. */
  onProgress?: (loaded: number, total: number | null) => void;
  /** Ends the download: `load` is then rejected. */
  signal?: AbortSignal;
  /** Where wavehax.wasm is, its bytes, or the compiled module; by default it lies beside wavehax.js. */
  wasm?: Source | WebAssembly.Module;
}

export interface VocodeOptions {
  /** Of the noise and the initial phase, 0 <= seed < 2**64; the same seed gives the same samples. Default 0. */
  seed?: number | bigint;
  /** F0 is multiplied by it, more than 0; unless it is 1, the mel loses the harmonics of its own pitch. Default 1. */
  f0Scale?: number;
}

/** What becomes of the F0 of the voiced frames. */
export interface Pitch {
  /** Multiplies F0, more than 0; 2 ** (semitones / 12). Default 1. */
  f0Scale?: number;
  /** Hz that all of them get in place of their own F0, at least 1; null: their own. `f0Scale` multiplies it too. */
  monotone?: number | null;
  /** Whether no frame is voiced. Default false. */
  whisper?: boolean;
}

export interface ResynthOptions extends Pitch {
  seed?: number | bigint;
  /** Samples done, and in all. */
  onProgress?: (done: number, total: number) => void;
}

/** The mel's definition; wavehax.config.FeatureConfig in Python explains the fields. */
export interface Features {
  name: string;
  sample_rate: number;
  hop_length: number;
  n_fft: number;
  n_mels: number;
  f_min: number;
  f_max: number;
  mel_scale: "slaney" | "htk";
  mel_norm: "slaney" | "none";
  padding: "same" | "centre";
  log_floor: number;
}

/** All that a model file says of itself. */
export interface ModelConfig {
  generator: Record<string, unknown>;
  features: Features;
  provenance: Record<string, unknown>;
  f0?: Record<string, unknown>;
}

export interface ModelInfo {
  readonly config: ModelConfig;
  /** Hz. */
  readonly sampleRate: number;
  /** Samples of output for every frame. */
  readonly hopLength: number;
  /** Bands of the mel. */
  readonly nMels: number;
  /** Samples by which a stream lags behind the mel. */
  readonly delay: number;
  /** Whether `stream`, `resynth` and `live` take the model; its norm may need the whole utterance. */
  readonly streamable: boolean;
  /** Whether F0 may be left out. */
  readonly predictsF0: boolean;
}

/**
 * Loads a model, and the engine with the first one.
 * @throws ModelError: not exactly the model that it says it is. Error: the server has it not, or the engine is not there.
 */
export function load(source: Source, options?: LoadOptions): Promise<Vocoder>;

/** The same in a Worker, so that the page answers while it computes. The signal cannot be sent there. */
export function loadInWorker(source: Source, options?: Omit<LoadOptions, "signal">): Promise<WorkerVocoder>;

export class ModelError extends Error {}

export class Vocoder implements ModelInfo {
  private constructor();
  readonly config: ModelConfig;
  readonly sampleRate: number;
  readonly hopLength: number;
  readonly nMels: number;
  readonly delay: number;
  readonly streamable: boolean;
  readonly predictsF0: boolean;

  /** Synthesises a whole utterance: [frames * hopLength]. Without f0 it is predicted, where the model can. */
  vocode(mel: Numbers, f0?: Numbers | null, options?: VocodeOptions): Float32Array;
  /** Begins a voice that takes frames as they come. Its samples are those of `vocode`, bit for bit. */
  stream(options?: VocodeOptions): Stream;
  /** The mel of a recording [samples]: [frames * nMels]. */
  melOf(audio: Numbers): Float32Array;
  /** The same as sound comes. */
  melStream(): MelStream;
  /** The F0 that the model predicts from a mel, in Hz, 0 where unvoiced: [frames]. */
  predictF0(mel: Numbers): Float32Array;
  /** A recording to mel and predicted F0 and back: as many samples, each in its place. */
  resynth(audio: Numbers, options?: ResynthOptions): Float32Array;
  /**
   * Makes a node that does so with sound as it comes, on the audio thread.
   * @throws RangeError: the rate of the context is not the model's, or the model does not stream or predict F0.
   */
  live(context: BaseAudioContext, options?: Pitch & { seed?: number | bigint }): Promise<LiveVoice>;
  free(): void;
}

/** One voice. Ends with `flush`, after which only `reset` or `free` may follow. */
export class Stream {
  private constructor();
  /** Samples by which the output lags: N frames have given max(0, N * hopLength - delay). */
  readonly delay: number;
  /** Takes any number of frames, f0 for all of an utterance or for none; gives the samples that they complete. */
  push(mel: Numbers, f0?: Numbers | null): Float32Array;
  /** Ends the utterance: the samples still owed. */
  flush(): Float32Array;
  /** Begins another utterance, by default with the seed of the last one. */
  reset(seed?: number | bigint | null): void;
  free(): void;
}

/** One recording, in pieces. Between them the frames of all pushes and of `flush` are those of `melOf`. */
export class MelStream {
  private constructor();
  /** Samples by which frames lag: N samples have given max(0, N - delay) / hopLength frames, rounded down. */
  readonly delay: number;
  push(audio: Numbers): Float32Array;
  flush(): Float32Array;
  free(): void;
}

export interface LiveStats {
  /** Of sound that the node has taken and given. */
  seconds: number;
  /** Of work on the audio thread; busySeconds / seconds is the real-time factor. */
  busySeconds: number;
  /** Blocks that were silent for want of samples, and times that the output device had nothing to play for 20 ms or more. */
  underruns: number;
}

/** A model between two nodes of an AudioContext. */
export class LiveVoice {
  private constructor();
  readonly node: AudioWorkletNode;
  /** Samples by which its output lags behind its input, without what the devices add. */
  readonly delay: number;
  /** Samples that the ring between the model's hops and the blocks of the audio thread has room for. */
  readonly ringCapacity: number;
  /** Takes effect with the next frame. */
  set(pitch: Pitch): void;
  stats(): Promise<LiveStats>;
  /** Ends it; the node is of no use afterwards. */
  stop(): void;
}

/** A vocoder in a Worker. */
export class WorkerVocoder implements ModelInfo {
  private constructor();
  readonly config: ModelConfig;
  readonly sampleRate: number;
  readonly hopLength: number;
  readonly nMels: number;
  readonly delay: number;
  readonly streamable: boolean;
  readonly predictsF0: boolean;
  vocode(mel: Numbers, f0?: Numbers | null, options?: VocodeOptions): Promise<Float32Array>;
  melOf(audio: Numbers): Promise<Float32Array>;
  predictF0(mel: Numbers): Promise<Float32Array>;
  resynth(audio: Numbers, options?: ResynthOptions): Promise<Float32Array>;
  /** Ends the worker; calls that are under way are never answered. */
  free(): void;
}
