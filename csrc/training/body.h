// Every training kernel, once. Included inside the target region of an instruction set, in an
// anonymous namespace, after the header of simd/ that defines its vectors (simd/portable.h lists
// them) and the register tiles:
//   kPositions x kTaps   kPositions + kTaps + 1 registers; kTaps is at most 7
//   kRows x kVecs        (kRows + 1) * kVecs + 1 registers; kRows divides kTile
// table.h says what each kernel computes.

#include "../simd/taps.h"

// Computes one tile of outputs from the K taps from `tap` on. Later groups of taps add to the
// results of the first.
template <int K>
static void convolve_taps(const float* const* rows, const float* const* weights, int count, int tap,
                          long offset, int channel, int channels, float* out) {
  Vec acc[kPositions];
  for (int t = 0; t < kPositions; ++t) acc[t] = tap == 0 ? splat(0.0f) : load(out + t * channels);
  for (int n = 0; n < count; ++n) {
    const int first = tap * channels;
    add_taps<K>(acc, rows[n] + offset + first, weights[n] + first + channel, channels);
  }
  for (int t = 0; t < kPositions; ++t) store(out + t * channels, acc[t]);
}

// Like convolve_taps, with the roles of weights and outputs exchanged: the tile of gradients stays
// in registers.
template <int K>
static void correlate_taps(const float* const* rows, const float* grad, int count, int taps,
                           int tap, long offset, int channels, float* sums) {
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
#define WAVEHAX_FOR_TAPS(function, left, ...)   \
  switch ((left) < kTaps ? (left) : kTaps) {    \
    case 1:                                     \
      function<1>(__VA_ARGS__);                 \
      break;                                    \
    case 2:                                     \
      function<2>(__VA_ARGS__);                 \
      break;                                    \
    case 3:                                     \
      function<3>(__VA_ARGS__);                 \
      break;                                    \
    case 4:                                     \
      function<4>(__VA_ARGS__);                 \
      break;                                    \
    case 5:                                     \
      function < kTaps<5 ? 1 : 5>(__VA_ARGS__); \
      break;                                    \
    case 6:                                     \
      function < kTaps<6 ? 1 : 6>(__VA_ARGS__); \
      break;                                    \
    case 7:                                     \
      function < kTaps<7 ? 1 : 7>(__VA_ARGS__); \
      break;                                    \
  }

static void convolve(const float* const* rows, const float* const* weights, int count, int taps,
                     long positions, int channels, float* out) {
  for (long t = 0; t < positions; t += kPositions)
    for (int c = 0; c < channels; c += kWidth) {
      const long offset = t * channels + c;
      for (int tap = 0; tap < taps; tap += kTaps)
        WAVEHAX_FOR_TAPS(convolve_taps, taps - tap, rows, weights, count, tap, offset, c, channels,
                         out + offset)
    }
}

static void correlate(const float* const* rows, const float* grad, int count, int taps,
                      long positions, int channels, float* sums) {
  for (long t = 0; t < positions; t += kPositions)
    for (int c = 0; c < channels; c += kWidth) {
      const long offset = t * channels + c;
      for (int tap = 0; tap < taps; tap += kTaps)
        WAVEHAX_FOR_TAPS(correlate_taps, taps - tap, rows, grad + offset, count, taps, tap, offset,
                         channels, sums + c)
    }
}

// Computes a tile of out[r][n] = start[r][n] + sum over k < depth of x[r * row + k * step] *
// w[k][n].
template <int V>
static inline void product_tile(const float* x, long row, long step, int depth, const float* w,
                                const float* start, int start_stride, int columns, float* out) {
  Vec acc[kRows][V];
  WAVEHAX_UNROLL
  for (int r = 0; r < kRows; ++r) WAVEHAX_UNROLL
  for (int v = 0; v < V; ++v) acc[r][v] = load(start + r * start_stride + v * kWidth);
  for (int k = 0; k < depth; ++k, x += step, w += columns) {
    Vec weights[V];
    WAVEHAX_UNROLL
    for (int v = 0; v < V; ++v) weights[v] = load(w + v * kWidth);
    WAVEHAX_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const Vec xr = splat(x[r * row]);
      WAVEHAX_UNROLL
      for (int v = 0; v < V; ++v) acc[r][v] = fma(xr, weights[v], acc[r][v]);
    }
  }
  WAVEHAX_UNROLL
  for (int r = 0; r < kRows; ++r) WAVEHAX_UNROLL
  for (int v = 0; v < V; ++v) store(out + r * columns + v * kWidth, acc[r][v]);
}

static void product(const float* x, long row, long step, int depth, const float* w,
                    const float* start, int start_stride, int rows, int columns, float* out) {
  for (int r = 0; r < rows;
       r += kRows, x += kRows * row, start += kRows * start_stride, out += kRows * columns) {
    int n = 0;
    for (; n + kVecs * kWidth <= columns; n += kVecs * kWidth)
      product_tile<kVecs>(x, row, step, depth, w + n, start + n, start_stride, columns, out + n);
    // One vector of few rows would not keep the multipliers busy.
    for (; n + 2 * kWidth <= columns; n += 2 * kWidth)
      product_tile<2>(x, row, step, depth, w + n, start + n, start_stride, columns, out + n);
    for (; n < columns; n += kWidth)
      product_tile<1>(x, row, step, depth, w + n, start + n, start_stride, columns, out + n);
  }
}

static inline Vec deviation(const float* x, Vec centre) { return sub(load(x), centre); }

// Keeps four sums at a time, or each addition would wait for the one before.
static void column_sums(const float* x, long rows, int columns, float* sums) {
  for (int n = 0; n < columns; n += kWidth) {
    const float* at = x + n;
    Vec acc[4] = {load(sums + n), splat(0.0f), splat(0.0f), splat(0.0f)};
    long r = 0;
    for (; r + 4 <= rows; r += 4)
      for (int i = 0; i < 4; ++i, at += columns) acc[i] = add(acc[i], load(at));
    for (; r < rows; ++r, at += columns) acc[0] = add(acc[0], load(at));
    store(sums + n, add(add(acc[0], acc[1]), add(acc[2], acc[3])));
  }
}

static void column_squares(const float* x, const float* centre, long rows, int columns,
                           float* sums) {
  for (int n = 0; n < columns; n += kWidth) {
    const float* at = x + n;
    const Vec middle = load(centre + n);
    Vec acc[4] = {splat(0.0f), splat(0.0f), splat(0.0f), splat(0.0f)};
    long r = 0;
    for (; r + 4 <= rows; r += 4)
      for (int i = 0; i < 4; ++i, at += columns)
        acc[i] = fma(deviation(at, middle), deviation(at, middle), acc[i]);
    for (; r < rows; ++r, at += columns)
      acc[0] = fma(deviation(at, middle), deviation(at, middle), acc[0]);
    store(sums + n, add(add(acc[0], acc[1]), add(acc[2], acc[3])));
  }
}

// The normal distribution at a = |x|: its density is exp(-a^2 / 2) / sqrt(2 pi), and its upper tail
// Q(a) = exp(-a^2 / 2) R(a). exp(-a^2 / 2) is a polynomial in a^2 (degree 5) to the power 32, and R
// is a polynomial in a (degree 9). Both are minimax fits on [0, 5.5], at whose end a * Q(a) has
// fallen to 1e-7. They need no division and no integers. gelu and its derivative are right to 1e-6
// of max(1, |x|).
struct Normal {
  Vec a, exponential, tail;
};

static inline Normal normal(Vec x) {
  const Vec a = min(splat(5.5f), abs(x)), s = mul(a, a);
  Vec e = splat(-6.897473044109592e-12f);
  e = fma(e, s, splat(2.4726800607055566e-09f));
  e = fma(e, s, splat(-6.357329880302132e-07f));
  e = fma(e, s, splat(0.00012207023974042386f));
  e = fma(e, s, splat(-0.015625f));
  e = fma(e, s, splat(1.0f));
  for (int i = 0; i < 5; ++i) e = mul(e, e);
  Vec r = splat(-6.4569558162475005e-06f);
  r = fma(r, a, splat(0.000128422150737606f));
  r = fma(r, a, splat(-0.0011311268899589777f));
  r = fma(r, a, splat(0.005944680422544479f));
  r = fma(r, a, splat(-0.021453719586133957f));
  r = fma(r, a, splat(0.058710671961307526f));
  r = fma(r, a, splat(-0.13134030997753143f));
  r = fma(r, a, splat(0.2496372014284134f));
  r = fma(r, a, splat(-0.3989112973213196f));
  r = fma(r, a, splat(0.4999995231628418f));
  return {a, e, mul(e, r)};
}

static inline Vec gelu(Vec x, const Normal& n) {
  return sub(max(splat(0.0f), x), mul(n.a, n.tail));
}

// Returns Phi(x) + x * phi(x), the slope of gelu. Less 1/2 it is odd, so it is computed for |x| and
// given the sign of x.
static inline Vec gelu_slope(Vec x, const Normal& n) {
  const Vec density = mul(n.exponential, splat(0.3989422804014327f));
  return add(splat(0.5f), with_sign(fma(n.a, density, sub(splat(0.5f), n.tail)), x));
}

static void gelu_all(float* x, int count) {
  for (int i = 0; i < count; i += kWidth) {
    const Vec v = load(x + i);
    store(x + i, gelu(v, normal(v)));
  }
}

static void gelu_gradient(float* x, float* grad, int count) {
  for (int i = 0; i < count; i += kWidth) {
    const Vec v = load(x + i);
    const Normal n = normal(v);
    store(grad + i, mul(load(grad + i), gelu_slope(v, n)));
    store(x + i, gelu(v, n));
  }
}
