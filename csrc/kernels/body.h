// This file holds the code of every kernel in `Kernels`. The source file of each instruction set
// includes it inside its target region and an anonymous namespace, after
//   the header of simd/ that defines its vectors (simd/portable.h lists them);
//   bf16.h;
//   the register tiles that suit the registers of the instruction set:
//     kAccumulators        Vecs that sum while weights and inputs still fit the registers
//     kMlpVecs             Vecs of columns in a tile of `mlp`
//     kProjectRows         rows in a tile of `project`
//     kDepthwiseBins       bins in a tile of `depthwise`
//     kWeightsInRegisters  whether kDepthwiseBins + 15 weights + 1 input fit the registers
// Nothing here calls a function outside the region: an inlined copy compiled for a newer processor
// must never be shared. table.h says what each kernel computes, and describes the layouts.

#include "../simd/taps.h"

// Uses gelu(x) = max(x, 0) + n * Q(-n) with n = -|x| and Q the upper tail of the normal
// distribution. Q is a polynomial to the power 32: a minimax fit of degree 5 for n in [-5.5, 0], at
// whose end the product has fallen to 1e-7. It needs no division and no exponential. The error
// stays below 1.2e-6, float32 rounding included, and below 1.2e-6 * |x| near 0.
static inline Vec gelu(Vec x) {
  const Vec n = max(negative_abs(x), splat(-5.5f));
  Vec q = splat(1.2939670341438614e-05f);
  q = fma(q, n, splat(0.0002488868485670537f));
  q = fma(q, n, splat(0.0008951738127507269f));
  q = fma(q, n, splat(-0.00942001398652792f));
  q = fma(q, n, splat(0.024401145055890083f));
  q = fma(q, n, splat(0.9785720705986023f));
  q = mul(q, q);
  q = mul(q, q);
  q = mul(q, q);
  q = mul(q, q);
  q = mul(q, q);
  return fma(n, q, max(x, splat(0.0f)));
}

static void gelu_all(float* x, int count) {
  for (int i = 0; i < count; i += kWidth) store(x + i, gelu(load(x + i)));
}

// Adds x[r][k] * row[v] to acc[r][v].
template <int R, int V>
static inline void add_term(Vec (&acc)[R][V], const float* const* x, int k, const Vec (&row)[V]) {
  for (int r = 0; r < R; ++r) {
    const Vec xk = splat(x[r][k]);
    for (int v = 0; v < V; ++v) acc[r][v] = fma(xk, row[v], acc[r][v]);
  }
}

#include "projections.h"

static void mix(const float* const* planes, int count, const float* weight, const float* bias,
                int bins, int channels, float* out) {
  for (int f = 0; f < bins; ++f, out += channels) {
    for (int c = 0; c < channels; c += kWidth) {
      Vec acc = load(bias + c);
      for (int i = 0; i < count; ++i)
        acc = fma(splat(planes[i][f]), load(weight + i * channels + c), acc);
      store(out + c, acc);
    }
  }
}

static void unmix(const float* x, const float* weight, const float* bias, int count, int bins,
                  int channels, float* const* out) {
  for (int f = 0; f < bins; ++f, x += channels) {
    for (int i = 0; i < count; ++i) {
      const float* w = weight + i * channels;
      Vec acc = mul(load(x), load(w));
      for (int c = kWidth; c < channels; c += kWidth) acc = fma(load(x + c), load(w + c), acc);
      out[i][f] = sum_lanes(acc) + bias[i];
    }
  }
}

#include "blocks.h"

static void affine(float* x, const float* scale, const float* shift, int bins, int channels) {
  for (int f = 0; f < bins; ++f, x += channels)
    for (int c = 0; c < channels; c += kWidth)
      store(x + c, fma(load(x + c), load(scale + c), load(shift + c)));
}

// A lane sums few values (those of one frame), so float32 loses nothing that matters.
static double sum(const float* x, int bins, int channels) {
  Vec acc = splat(0.0f);
  const long count = static_cast<long>(bins) * channels;
  for (long i = 0; i < count; i += kWidth) acc = add(acc, load(x + i));
  return sum_lanes(acc);
}

static double sum_squares(const float* x, float mean, const float* mask, int bins, int channels) {
  Vec acc = splat(0.0f);
  for (int f = 0; f < bins; ++f, x += channels)
    for (int c = 0; c < channels; c += kWidth) {
      const Vec d = mul(sub(load(x + c), splat(mean)), load(mask + c));
      acc = fma(d, d, acc);
    }
  return sum_lanes(acc);
}

#include "waves.h"

static float multiply_adds(std::int64_t rounds) {
  constexpr int kVecs = kPeakSums * kLane / kWidth, kSums = kVecs < kPeakSums ? kVecs : kPeakSums;
  Vec sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = splat(static_cast<float>(i));
  const Vec factor = splat(0.5f);
  for (std::int64_t n = 0; n < rounds * (kVecs / kSums); ++n) {
    WAVEHAX_UNROLL
    for (int i = 0; i < kSums; ++i) sums[i] = fma(sums[i], factor, factor);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = add(sums[0], sums[i]);
  return sum_lanes(sums[0]);
}
