// Vocoder, Stream and MelStream: checked inputs over the engine. As wavehax/vocoder.py and stream.py.
import { checkedAudio, checkedF0, checkedMel, checkedPitch, checkedScale, checkedSeed } from "./checks.js";
import { Engine } from "./engine.js";
import { compiledModule, fetchBytes } from "./fetch.js";
import { startLive } from "./live.js";

const PIECE = 1 << 15; // samples between two reports of progress

export async function load(source, { onProgress, signal, wasm } = {}) {
  const [module, bytes] = await Promise.all([compiledModule(wasm), fetchBytes(source, { onProgress, signal })]);
  return new Vocoder(module, bytes);
}

export class Vocoder {
  constructor(module, bytes) {
    this.module = module;
    this.bytes = bytes; // for audio worklets, which have an engine of their own
    this.engine = new Engine(module);
    this.address = this.engine.loadModel(bytes);
    this.config = JSON.parse(this.engine.text(this.engine.exports.model_config(this.address)));
    const [sampleRate, hopLength, nMels, streamable, delay, predictsF0] = this.#info();
    Object.assign(this, { sampleRate, hopLength, nMels, delay });
    this.streamable = streamable === 1;
    this.predictsF0 = predictsF0 === 1;
  }

  #info() {
    return this.engine.withBlocks((block) => {
      const address = block(6);
      this.engine.exports.model_info(this.address, address);
      return [...new Int32Array(this.engine.exports.memory.buffer, address, 6)];
    });
  }

  vocode(mel, f0 = null, { seed = 0, f0Scale = 1 } = {}) {
    const { engine } = this;
    mel = checkedMel(mel, this.nMels, 1);
    const frames = mel.length / this.nMels;
    const [low, high] = checkedSeed(seed);
    checkedScale(f0Scale);
    if (f0 === null) {
      this.checkPredicted(f0Scale);
      f0 = this.predictF0(mel);
    } else {
      f0 = checkedF0(f0, frames);
    }
    return engine.withBlocks((block) => {
      const wave = block(frames * this.hopLength);
      engine.checked(engine.exports.vocode(this.address, block(mel), block(f0), frames, low, high, f0Scale, wave));
      return engine.floats(wave, frames * this.hopLength).slice();
    });
  }

  /** Refuses, unless the model predicts F0 and that, changed like this, is in range. */
  checkPredicted(f0Scale, monotone = 0) {
    if (!this.predictsF0) {
      throw new RangeError("f0 is missing, and this model does not predict it from the mel: give it");
    }
    this.engine.checked(this.engine.exports.check_predicted(this.address, monotone, f0Scale));
  }

  /** What becomes of a recording's F0, for `resynth` and `live`. */
  checkedPitch(pitch) {
    if (!this.streamable) throw new RangeError("model cannot stream: its norm 'utterance' needs the whole utterance");
    const checked = checkedPitch(pitch);
    this.checkPredicted(checked.f0Scale, checked.monotone);
    return checked;
  }

  predictF0(mel) {
    const { engine } = this;
    mel = checkedMel(mel, this.nMels, 1);
    if (!this.predictsF0) throw new RangeError("this model does not predict F0");
    const frames = mel.length / this.nMels;
    return engine.withBlocks((block) => {
      const f0 = block(frames);
      engine.checked(engine.exports.predict_f0(this.address, block(mel), frames, f0));
      return engine.floats(f0, frames).slice();
    });
  }

  melOf(audio) {
    audio = checkedAudio(audio);
    const stream = this.melStream();
    try {
      const head = stream.push(audio);
      const tail = stream.flush();
      const mel = joined([head, tail]);
      if (mel.length === 0) {
        throw new RangeError(`audio has ${audio.length} samples: expected at least one hop of ${this.hopLength}`);
      }
      return mel;
    } finally {
      stream.free();
    }
  }

  resynth(audio, { seed = 0, onProgress, ...pitch } = {}) {
    const { engine } = this;
    audio = checkedAudio(audio);
    if (audio.length === 0) throw new RangeError("audio is empty: expected at least one sample");
    const [low, high] = checkedSeed(seed);
    const { f0Scale, monotone, whisper } = this.checkedPitch(pitch);
    const calls = engine.exports;
    const voice = engine.made(calls.revoice_new(this.address, low, high));
    try {
      engine.checked(calls.revoice_set(voice, this.address, monotone, f0Scale, whisper));
      const parts = [];
      for (let at = 0; at < audio.length; at += PIECE) {
        const piece = audio.subarray(at, at + PIECE);
        const room = calls.revoice_pending(voice, piece.length);
        parts.push(engine.withBlocks((block) => {
          const out = block(room);
          return engine.floats(out, calls.revoice_push(voice, block(piece), piece.length, out)).slice();
        }));
        onProgress?.(at + piece.length, audio.length);
      }
      parts.push(engine.withBlocks((block) => {
        const out = block(calls.revoice_pending(voice, -1));
        return engine.floats(out, calls.revoice_flush(voice, out)).slice();
      }));
      return joined(parts).subarray(0, audio.length);
    } finally {
      calls.revoice_free(voice);
    }
  }

  stream(options = {}) {
    return new Stream(this, options);
  }

  melStream() {
    return new MelStream(this);
  }

  /** @param {BaseAudioContext} context */
  live(context, options = {}) {
    return startLive(this, context, options);
  }

  free() {
    this.engine.exports.model_free(this.address);
    this.address = 0;
  }
}

export class Stream {
  #vocoder;
  #address;
  #seed;
  #f0Scale;
  #pitch = null; // "given" or "predicted", by the pushes since the last reset
  #flushed = false;

  constructor(vocoder, { seed = 0, f0Scale = 1 } = {}) {
    const { engine } = vocoder;
    this.#vocoder = vocoder;
    this.#seed = checkedSeed(seed);
    this.#f0Scale = checkedScale(f0Scale);
    this.#address = engine.made(engine.exports.voice_new(vocoder.address, ...this.#seed, f0Scale));
  }

  get delay() {
    return this.#vocoder.delay;
  }

  push(mel, f0 = null) {
    const { engine, nMels } = this.#vocoder;
    if (this.#flushed) throw new Error("this stream is flushed: reset() begins another utterance");
    mel = checkedMel(mel, nMels, 0);
    const frames = mel.length / nMels;
    if (f0 !== null) f0 = checkedF0(f0, frames);
    if (frames === 0) return new Float32Array(0);
    const pitch = f0 === null ? "predicted" : "given";
    if (this.#pitch !== null && this.#pitch !== pitch) {
      throw new RangeError(`f0 is ${f0 === null ? "missing" : "given"}: expected for all frames, or for none`);
    }
    if (f0 === null) this.#vocoder.checkPredicted(this.#f0Scale);
    const room = engine.exports.voice_pending(this.#address, frames);
    const samples = engine.withBlocks((block) => {
      const wave = block(room);
      const count = engine.exports.voice_push(
        this.#address, block(mel), block(f0 ?? frames), frames, f0 === null ? 1 : 0, wave);
      return engine.floats(wave, engine.checked(count)).slice();
    });
    this.#pitch = pitch;
    return samples;
  }

  flush() {
    const { engine } = this.#vocoder;
    if (this.#flushed) throw new Error("this stream is flushed already: reset() begins another utterance");
    this.#flushed = true;
    return engine.withBlocks((block) => {
      const wave = block(engine.exports.voice_pending_flush(this.#address));
      return engine.floats(wave, engine.exports.voice_flush(this.#address, wave)).slice();
    });
  }

  reset(seed = null) {
    if (seed !== null) this.#seed = checkedSeed(seed);
    this.#vocoder.engine.exports.voice_reset(this.#address, ...this.#seed);
    this.#pitch = null;
    this.#flushed = false;
  }

  free() {
    this.#vocoder.engine.exports.voice_free(this.#address);
    this.#address = 0;
  }
}

export class MelStream {
  #vocoder;
  #address;
  #samples = 0;
  #flushed = false;

  constructor(vocoder) {
    const { engine } = vocoder;
    this.#vocoder = vocoder;
    this.#address = engine.made(engine.exports.mel_new(vocoder.address));
  }

  get delay() {
    return this.#vocoder.engine.exports.mel_delay(this.#address);
  }

  push(audio) {
    if (this.#flushed) throw new Error("this stream is flushed: make another one");
    audio = checkedAudio(audio, this.#samples);
    this.#samples += audio.length;
    const { exports: calls } = this.#vocoder.engine;
    return this.#frames(audio.length, (block, mel) => calls.mel_push(this.#address, block(audio), audio.length, mel));
  }

  flush() {
    if (this.#flushed) throw new Error("this stream is flushed already: make another one");
    this.#flushed = true;
    return this.#frames(-1, (_, mel) => this.#vocoder.engine.exports.mel_flush(this.#address, mel));
  }

  #frames(samples, work) {
    const { engine, nMels } = this.#vocoder;
    const frames = engine.exports.mel_pending(this.#address, samples);
    return engine.withBlocks((block) => {
      const mel = block(frames * nMels);
      work(block, mel);
      return engine.floats(mel, frames * nMels).slice();
    });
  }

  free() {
    this.#vocoder.engine.exports.mel_free(this.#address);
    this.#address = 0;
  }
}

function joined(parts) {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
