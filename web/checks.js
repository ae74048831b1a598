// What a vocoder is given, checked: every error names the argument and what was expected. As wavehax/checks.py.

/** Numbers as float32; a Float32Array is taken as it is. */
export function checkedFloats(name, values) {
  if (values instanceof Float32Array) return values;
  if (values instanceof Float64Array || (Array.isArray(values) && values.every((v) => typeof v === "number"))) {
    return Float32Array.from(values);
  }
  throw new TypeError(`${name}: expected a Float32Array, a Float64Array or an array of numbers`);
}

/** A mel [frames * bands], frame after frame. */
export function checkedMel(mel, bands, least) {
  mel = checkedFloats("mel", mel);
  if (mel.length % bands !== 0 || mel.length < least * bands) {
    const frames = least > 0 ? "one frame or more" : "any number of frames";
    throw new RangeError(`mel has ${mel.length} values: expected ${frames} of ${bands} bands, frame after frame`);
  }
  return mel;
}

/** F0 [frames]. */
export function checkedF0(f0, frames) {
  f0 = checkedFloats("f0", f0);
  if (f0.length !== frames) throw new RangeError(`f0 has ${f0.length} frames and mel has ${frames}: expected as many`);
  return f0;
}

/** A recording; its first sample is called `first` in messages. */
export function checkedAudio(audio, first = 0) {
  audio = checkedFloats("audio", audio);
  const bad = audio.findIndex((sample) => !Number.isFinite(sample));
  if (bad >= 0) throw new RangeError(`audio[${first + bad}] is not finite`);
  return audio;
}

/** [low, high]: the halves of a seed below 2**64. */
export function checkedSeed(seed) {
  const whole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  if (!whole || seed < 0 || BigInt(seed) >= 1n << 64n) {
    throw new RangeError(`seed is ${seed}: expected an integer, 0 <= seed < 2**64 (above 2**53 as a BigInt)`);
  }
  return [Number(BigInt(seed) & 0xffffffffn), Number(BigInt(seed) >> 32n)];
}

/** A factor of F0. */
export function checkedScale(f0Scale) {
  if (typeof f0Scale !== "number" || !(f0Scale > 0 && f0Scale < Infinity)) {
    throw new RangeError(`f0Scale is ${f0Scale}: expected a finite number, more than 0`);
  }
  return f0Scale;
}

/** { f0Scale, monotone, whisper } with defaults; monotone is in Hz, or 0. */
export function checkedPitch({ f0Scale = 1, monotone = null, whisper = false } = {}) {
  if (monotone !== null && (typeof monotone !== "number" || !(monotone >= 1 && monotone < Infinity))) {
    throw new RangeError(`monotone is ${monotone}: expected Hz, at least 1, or null`);
  }
  if (typeof whisper !== "boolean") throw new TypeError(`whisper is ${whisper}: expected true or false`);
  return { f0Scale: checkedScale(f0Scale), monotone: monotone ?? 0, whisper };
}
