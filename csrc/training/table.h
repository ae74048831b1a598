// The training kernels of one instruction set. Each is written once, in body.h, like those of the
// engine.
//
// A row is [positions][channels] in float32: the frames of one bin. Channels are padded with zeros
// to a multiple of kLane, positions to a multiple of Kernels::positions in a convolution and of
// kTile in a product.
#pragma once

#include "../simd/lane.h"

namespace wavehax::training {

constexpr int kTile = 16;  // positions, a multiple of kRows of every instruction set

constexpr long round_up(long n, long unit) { return (n + unit - 1) / unit * unit; }

struct Kernels {
  const char* isa;
  int positions;  // of a tile of a convolution

  // Computes out[t][c] = sum over n < count and j < taps of rows[n][t + j][c] * weights[n][j][c],
  // for t < positions (a multiple of the member `positions`, here and in correlate).
  void (*convolve)(const float* const* rows, const float* const* weights, int count, int taps,
                   long positions, int channels, float* out);

  // Adds to sums[n][j][c] the sum over t < positions of rows[n][t + j][c] * grad[t][c]. sums:
  // [count][taps][channels].
  void (*correlate)(const float* const* rows, const float* grad, int count, int taps,
                    long positions, int channels, float* sums);

  // Computes out[r][n] = start[r][n] + sum over k < depth of x[r * row + k * step] * w[k][n], for r
  // < rows (a multiple of kTile) and n < columns (a multiple of kLane). Rows of `start` lie
  // start_stride apart; 0 gives the same row to all. `out` may be `start`.
  void (*product)(const float* x, long row, long step, int depth, const float* w,
                  const float* start, int start_stride, int rows, int columns, float* out);

  // column_sums adds to sums[n] the sum over r < rows of x[r][n]. column_squares sets sums[n] to
  // the sum over r < rows of (x[r][n] - centre[n])^2.
  void (*column_sums)(const float* x, long rows, int columns, float* sums);
  void (*column_squares)(const float* x, const float* centre, long rows, int columns, float* sums);

  // Computes x = gelu(x) in the erf form, within 1e-6 of max(1, |x|). count is a multiple of kLane.
  void (*gelu)(float* x, int count);

  // Computes grad = grad * gelu'(x), with the derivative to within 1e-6, and x = gelu(x).
  void (*gelu_gradient)(float* x, float* grad, int count);
};

const Kernels& portable_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
const Kernels& neon_kernels();

}  // namespace wavehax::training
