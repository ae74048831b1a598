// The kernels of one instruction set. Each kernel is written once, in body.h, in terms of the
// vector operations that simd/ has for every instruction set.
//
// Layouts, shared by every kernel:
//   frame    [bins][channels]  channels padded to a multiple of kLane with zeros; 64-byte aligned
//   plane    [bins]            bins padded to a multiple of kLane; 64-byte aligned
// All sums are float32. The order of the additions into one output never depends on how many frames
// or bins a call covers: chunked and whole processing give the same bits.
#pragma once

#include <cstdint>

#include "../simd/lane.h"

namespace wavehax {

// Columns of a packed projection that are computed together. The last panel may have kLane columns.
constexpr int kPanelWidth = 32;
// Largest expansion of a block (channels * mult_channels).
constexpr int kMaxExpanded = 1024;

// Independent sums of `multiply_adds`: enough to hide the latency of a multiply-add on every
// processor that has two units for it.
constexpr int kPeakSums = 12;

// Two bfloat16 that belong to consecutive terms of a sum, the first in the lower half.
using Bf16Pair = std::uint32_t;

// The sizes of a block. `depth` and `used` count the channels before and after the expansion that
// are not padding.
struct BlockShape {
  int frames, taps, bins, channels, depth, expanded, used;
};

// Floats of scratch that `mlp` and `block` need: kMaxTileBins bins (the most of any instruction
// set) before and after the expansion.
constexpr int kMaxTileBins = 14;
inline long scratch_size(const BlockShape& s) {
  return static_cast<long>(kMaxTileBins) * (s.channels + s.expanded);
}

// depthwise: [frames][taps][channels]; weight1: [depth][expanded]; weight2: [expanded][channels].
struct BlockWeights {
  const float *depthwise, *weight1, *bias1, *weight2, *bias2;
};

struct Kernels {
  const char* isa;

  // Computes outputs[r][n] = bias[n] + sum over taps j and k of inputs[r * taps + j][k] * weight(j,
  // k, n) for `rows` rows. If bias is null, the sum is added to the contents of outputs. weight:
  // panels of kPanelWidth columns (the last has columns % kPanelWidth, unless that is 0), each
  // [taps][depth][width].
  void (*project)(const float* const* inputs, int rows, int taps, int depth, const float* weight,
                  const float* bias, int columns, float* const* outputs);

  // The same with weights in pairs: panels [taps][depth / 2][width]. Inputs and sums stay float32.
  // depth is even.
  void (*project_bf16)(const float* const* inputs, int rows, int taps, int depth,
                       const Bf16Pair* weight, const float* bias, int columns,
                       float* const* outputs);

  // Convolves `count` consecutive frames depthwise: out[f][c] = sum over j and i of rows[j][f +
  // i][c] * weight[j][i][c]. Frame n is computed from rows[n .. n + shape.frames - 1], which are
  // already padded in frequency.
  void (*depthwise)(const float* const* rows, int count, const BlockShape& shape,
                    const float* weight, float* const* outs);

  // Computes out[f] = residual[f] + weight2 * gelu(weight1 * x[f] + bias1) + bias2. `out` may be
  // `residual`.
  void (*mlp)(const float* x, const BlockShape& shape, const BlockWeights& weights,
              const float* residual, float* out, float* scratch);

  // Computes `depthwise` and then `mlp` for `count` consecutive frames: frame i from rows[i .. i +
  // shape.frames - 1]. No output may be a residual.
  void (*block)(const float* const* rows, int count, const BlockShape& shape,
                const BlockWeights& weights, const float* const* residuals, float* const* outs,
                float* scratch);

  // Computes out[f][c] = sum over i of planes[i][f] * weight[i][c] + bias[c]. weight:
  // [count][channels].
  void (*mix)(const float* const* planes, int count, const float* weight, const float* bias,
              int bins, int channels, float* out);

  // Computes out[i][f] = sum over c of x[f][c] * weight[i][c] + bias[i]. weight: [count][channels].
  void (*unmix)(const float* x, const float* weight, const float* bias, int count, int bins,
                int channels, float* const* out);

  // Computes x[f][c] = x[f][c] * scale[c] + shift[c] in place.
  void (*affine)(float* x, const float* scale, const float* shift, int bins, int channels);

  // Return the sum of x, and the sum of (mask[c] * (x[f][c] - mean))^2.
  double (*sum)(const float* x, int bins, int channels);
  double (*sum_squares)(const float* x, float mean, const float* mask, int bins, int channels);

  // Computes amplitude * sin(a) * sin(b) / sin(c), and 0 where c is 0. Angles here and below are in
  // units of 2^-32 cycles; the error of a sine is below 3e-7. count is a multiple of kLane.
  void (*sine_ratios)(const std::int32_t* a, const std::int32_t* b, const std::int32_t* c,
                      float amplitude, int count, float* out);

  // Box-Muller transform: computes sqrt(-2 log(uniform / 2^24)) times the cosine and the sine of
  // `angle`. uniform is in 1 .. 2^24.
  void (*gaussians)(const std::int32_t* uniform, const std::int32_t* angle, int count,
                    float* cosine, float* sine);

  // Does `rounds` times kPeakSums independent multiply-adds of kLane floats and nothing else, to
  // measure the peak of the processor.
  float (*multiply_adds)(std::int64_t rounds);

  // Computes x[i] = gelu(x[i]) in the erf form, within 1.2e-6 of max(1, |x|), and within 1.2e-6 *
  // |x| for |x| < 0.01. count is a multiple of kLane.
  void (*gelu)(float* x, int count);
};

const Kernels& portable_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
const Kernels& neon_kernels();

}  // namespace wavehax
