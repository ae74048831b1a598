// The kernels of one instruction set. Each is written once, in body.h, in terms of the
// vector operations that simd/ has for every instruction set.
//
// Layouts, shared by every kernel:
//   frame    [bins][channels]  channels padded to a multiple of kLane with zeros; 64-byte aligned
//   plane    [bins]            bins padded to a multiple of kLane; 64-byte aligned
// All sums are float32. The order of the additions into one output never depends on how many frames or bins a call covers:
// chunked and whole processing give the same bits.
#pragma once

#include <cstdint>

#include "../simd/lane.h"

namespace wavehax {

constexpr int kPanelWidth = 32;  // columns of a packed projection computed together; a last panel may have kLane
constexpr int kMaxExpanded = 1024;  // largest expansion of a block (channels * mult_channels)

constexpr int kPeakSums = 12;    // hide the latency of a multiply-add on every processor with two units of it

// Two bfloat16 of consecutive terms of a sum, the first in the lower half.
using Bf16Pair = std::uint32_t;

// A block of a generator. `depth` and `used` count the channels before and after the expansion that are not padding.
struct BlockShape {
  int frames, taps, bins, channels, depth, expanded, used;
};

// Floats of scratch that `mlp` and `block` need: a few bins before and after the expansion.
constexpr int kMaxTileBins = 14;
inline long scratch_size(const BlockShape& s) { return static_cast<long>(kMaxTileBins) * (s.channels + s.expanded); }

// depthwise: [frames][taps][channels]; weight1: [depth][expanded]; weight2: [expanded][channels]
struct BlockWeights {
  const float *depthwise, *weight1, *bias1, *weight2, *bias2;
};

struct Kernels {
  const char* isa;

  // outputs[r][n] = bias[n] + sum over taps j and k of inputs[r * taps + j][k] * weight(j, k, n), for `rows` rows; where bias
  // is null, the sum goes on from what outputs hold.
  // weight: panels of kPanelWidth columns (the last of columns % kPanelWidth), each [taps][depth][width].
  void (*project)(const float* const* inputs, int rows, int taps, int depth, const float* weight, const float* bias,
                  int columns, float* const* outputs);

  // The same with weights in pairs, panels [taps][depth / 2][width]; inputs and sums stay float32. depth is even.
  void (*project_bf16)(const float* const* inputs, int rows, int taps, int depth, const Bf16Pair* weight, const float* bias,
                       int columns, float* const* outputs);

  // Depthwise convolution of `count` consecutive frames: out[f][c] = sum over j, i of rows[j][f + i][c] * weight[j][i][c], frame
  // number n from rows[n .. n + shape.frames], which are already padded in frequency.
  void (*depthwise)(const float* const* rows, int count, const BlockShape& shape, const float* weight, float* const* outs);

  // out[f] = residual[f] + weight2 * gelu(weight1 * x[f] + bias1) + bias2.   `out` may be `residual`.
  void (*mlp)(const float* x, const BlockShape& shape, const BlockWeights& weights, const float* residual, float* out,
              float* scratch);

  // Both, for `count` consecutive frames: frame i convolves rows[i .. i + shape.frames].   No out may be a residual.
  void (*block)(const float* const* rows, int count, const BlockShape& shape, const BlockWeights& weights,
                const float* const* residuals, float* const* outs, float* scratch);

  // out[f][c] = sum over i of planes[i][f] * weight[i][c] + bias[c].   weight: [count][channels]
  void (*mix)(const float* const* planes, int count, const float* weight, const float* bias, int bins, int channels,
              float* out);

  // out[i][f] = sum over c of x[f][c] * weight[i][c] + bias[i].   weight: [count][channels]
  void (*unmix)(const float* x, const float* weight, const float* bias, int count, int bins, int channels,
                float* const* out);

  // x[f][c] = x[f][c] * scale[c] + shift[c], in place.
  void (*affine)(float* x, const float* scale, const float* shift, int bins, int channels);

  // Sum of x; sum of mask[c] * (x[f][c] - mean)^2.
  double (*sum)(const float* x, int bins, int channels);
  double (*sum_squares)(const float* x, float mean, const float* mask, int bins, int channels);

  // amplitude * sin(a) * sin(b) / sin(c), 0 where c is 0. Angles here and below are in units of 2^-32 cycles; the error of a
  // sine is below 3e-7. count is a multiple of kLane.
  void (*sine_ratios)(const std::int32_t* a, const std::int32_t* b, const std::int32_t* c, float amplitude, int count,
                      float* out);

  // Box-Muller: sqrt(-2 log(uniform / 2^24)) times the cosine and sine of `angle`; uniform in 1 .. 2^24.
  void (*gaussians)(const std::int32_t* uniform, const std::int32_t* angle, int count, float* cosine, float* sine);

  // `rounds` times kPeakSums independent multiply-adds of kLane floats, and nothing else: what the processor can do.
  float (*multiply_adds)(std::int64_t rounds);

  // x[i] = gelu(x[i]), the erf form to within 1.2e-6 of max(1, |x|), and of |x| for |x| < 0.01; count is a multiple of kLane.
  void (*gelu)(float* x, int count);
};

const Kernels& portable_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
const Kernels& neon_kernels();

}  // namespace wavehax
