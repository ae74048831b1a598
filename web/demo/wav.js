// Sound as a WAV file of 16-bit integers, as `wavehax resynth -o out.wav` writes it.

/** @param {Float32Array} samples in [-1, 1]; what is outside is cut off */
export function wavFile(samples, sampleRate) {
  const bytes = new ArrayBuffer(44 + 2 * samples.length);
  const view = new DataView(bytes);
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of the format
  view.setUint16(20, 1, true); // integers
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 2 * sampleRate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => {
    const integer = Math.max(-32768, Math.min(32767, Math.round(32768 * sample)));
    view.setInt16(44 + 2 * i, integer, true);
  });
  return new Blob([bytes], { type: "audio/wav" });
}
