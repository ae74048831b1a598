// The power spectrum of a window of sound, for pictures.

export class Transform {
  /** @param {number} size samples, a power of two */
  constructor(size) {
    this.size = size;
    this.re = new Float64Array(size);
    this.im = new Float64Array(size);
    this.cos = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    this.sin = Float64Array.from({ length: size / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / size));
    const bits = Math.log2(size);
    this.place = Uint32Array.from({ length: size }, (_, n) => {
      let reversed = 0;
      for (let bit = 0; bit < bits; ++bit) reversed |= ((n >> bit) & 1) << (bits - 1 - bit);
      return reversed;
    });
  }

  /** power[k] of sound[first + n] * window[n], n < size, for k = 0 .. size / 2. */
  power(sound, first, window, power) {
    for (let n = 0; n < this.size; ++n) this.re[this.place[n]] = sound[first + n] * window[n];
    this.im.fill(0);
    for (let half = 1; half < this.size; half *= 2) this.combine(half);
    for (let k = 0; k <= this.size / 2; ++k) power[k] = this.re[k] ** 2 + this.im[k] ** 2;
  }

  // Pairs of transforms of `half` values to transforms of twice as many.
  combine(half) {
    const { re, im, cos, sin, size } = this;
    const stride = size / (2 * half);
    for (let start = 0; start < size; start += 2 * half) {
      for (let k = 0; k < half; ++k) {
        const a = start + k;
        const b = a + half;
        const turnedRe = re[b] * cos[k * stride] - im[b] * sin[k * stride];
        const turnedIm = re[b] * sin[k * stride] + im[b] * cos[k * stride];
        re[b] = re[a] - turnedRe;
        im[b] = im[a] - turnedIm;
        re[a] += turnedRe;
        im[a] += turnedIm;
      }
    }
  }
}
