// Every training kernel, once. Included inside the target region of an instruction set, after it has defined in an anonymous
// namespace Vec, kWidth (floats in a Vec, a divisor of kLane), load, store, splat, fma(a, b, c) = a * b + c, and the
// register tile kPositions x kTaps: kPositions + kTaps + 1 registers, kPositions a divisor of kTile, kTaps at most 7.
// See table.h for what each kernel computes.

// Loops of constant length over registers must vanish, or the registers become memory.
#if defined(__clang__)
#define WAVEHAX_UNROLL _Pragma("clang loop unroll(full)")
#else
#define WAVEHAX_UNROLL _Pragma("GCC unroll 64")
#endif

// One tile of outputs and K taps from `tap` on. The weights of a row stay in registers, so that every input is loaded once
// for all the outputs it meets. Later groups of taps add to what the first has stored.
template <int K>
static void convolve_taps(const float* const* rows, const float* const* weights, int count, int tap, long offset,
                          int channel, int channels, float* out) {
  Vec acc[kPositions];
  for (int t = 0; t < kPositions; ++t) acc[t] = tap == 0 ? splat(0.0f) : load(out + t * channels);
  for (int n = 0; n < count; ++n) {
    const float* x = rows[n] + offset + tap * channels;
    const float* w = weights[n] + tap * channels + channel;
    Vec row[K];
    WAVEHAX_UNROLL
    for (int j = 0; j < K; ++j) row[j] = load(w + j * channels);
    WAVEHAX_UNROLL
    for (int p = 0; p < kPositions + K - 1; ++p) {
      const Vec xp = load(x + p * channels);
      WAVEHAX_UNROLL
      for (int j = 0; j < K; ++j)
        if (p - j >= 0 && p - j < kPositions) acc[p - j] = fma(xp, row[j], acc[p - j]);
    }
  }
  for (int t = 0; t < kPositions; ++t) store(out + t * channels, acc[t]);
}

// The same with the roles of weights and outputs exchanged: the tile of gradients stays in registers.
template <int K>
static void correlate_taps(const float* const* rows, const float* grad, int count, int taps, int tap, long offset,
                           int channels, float* sums) {
  Vec g[kPositions];
  for (int t = 0; t < kPositions; ++t) g[t] = load(grad + t * channels);
  sums += tap * channels;
  for (int n = 0; n < count; ++n, sums += taps * channels) {
    const float* x = rows[n] + offset + tap * channels;
    Vec acc[K];
    WAVEHAX_UNROLL
    for (int j = 0; j < K; ++j) acc[j] = load(sums + j * channels);
    WAVEHAX_UNROLL
    for (int p = 0; p < kPositions + K - 1; ++p) {
      const Vec xp = load(x + p * channels);
      WAVEHAX_UNROLL
      for (int j = 0; j < K; ++j)
        if (p - j >= 0 && p - j < kPositions) acc[j] = fma(xp, g[p - j], acc[j]);
    }
    WAVEHAX_UNROLL
    for (int j = 0; j < K; ++j) store(sums + j * channels, acc[j]);
  }
}

// Calls `function<K>(arguments)` for the K taps that are left from `tap` on, kTaps at most.
#define WAVEHAX_FOR_TAPS(function, left, ...)                \
  switch ((left) < kTaps ? (left) : kTaps) {                 \
    case 1: function<1>(__VA_ARGS__); break;                 \
    case 2: function<2>(__VA_ARGS__); break;                 \
    case 3: function<3>(__VA_ARGS__); break;                 \
    case 4: function<4>(__VA_ARGS__); break;                 \
    case 5: function<kTaps < 5 ? 1 : 5>(__VA_ARGS__); break; \
    case 6: function<kTaps < 6 ? 1 : 6>(__VA_ARGS__); break; \
    case 7: function<kTaps < 7 ? 1 : 7>(__VA_ARGS__); break; \
  }

static void convolve(const float* const* rows, const float* const* weights, int count, int taps, long positions,
                     int channels, float* out) {
  for (long t = 0; t < positions; t += kPositions)
    for (int c = 0; c < channels; c += kWidth) {
      const long offset = t * channels + c;
      for (int tap = 0; tap < taps; tap += kTaps)
        WAVEHAX_FOR_TAPS(convolve_taps, taps - tap, rows, weights, count, tap, offset, c, channels, out + offset)
    }
}

static void correlate(const float* const* rows, const float* grad, int count, int taps, long positions, int channels,
                      float* sums) {
  for (long t = 0; t < positions; t += kPositions)
    for (int c = 0; c < channels; c += kWidth) {
      const long offset = t * channels + c;
      for (int tap = 0; tap < taps; tap += kTaps)
        WAVEHAX_FOR_TAPS(correlate_taps, taps - tap, rows, grad + offset, count, taps, tap, offset, channels, sums + c)
    }
}
