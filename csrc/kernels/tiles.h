// The kernels of processors that multiply matrix tiles of bfloat16 (AMX), and of those that
// multiply pairs of bfloat16 (AVX-512 with BF16), which read the tiles row by row. Factors are
// rounded to bfloat16. Sums are float32, and so are the values kept between layers.
//
// Layouts, shared by every kernel:
//   planes   float [columns / 16][channels][16]: bins padded to a multiple of kLane, channels to
//            a multiple of kTileSide
//   row      a frame between blocks. First part: planes. Second part: bfloat16
//            [channels][half_columns], each mirrored bins, bins, mirrored bins, zeros
//   tile     1 KB of factors in the order of the processor: left [16 rows][32 terms], right
//            [16 pairs of terms][16 columns][2]
// The order of the additions into one output never depends on how many frames a call covers.
#pragma once

#include <cstdint>

#include "table.h"

namespace wavehax {

using Bf16 = std::uint16_t;

constexpr int kTileSide = 16;   // rows and columns of a result
constexpr int kTileDepth = 32;  // terms of a product
constexpr int kTileSize = kTileSide * kTileDepth;
constexpr int kTileFrames = 4;  // most frames of one convolution

inline int tiles(int n, int size) { return (n + size - 1) / size; }

// The sizes of a block. `depth` counts the channels that are not padding; `channels` and `expanded`
// are padded to kTileSide.
struct TileShape {
  int frames, taps, bins, depth, channels, expanded;

  int columns() const { return padded(bins); }
  int mirrored() const { return taps / 2; }
  // Returns the depth, in tiles, of the window of inputs under 16 neighbouring outputs.
  int window_tiles() const { return tiles(kTileSide - 1 + taps, kTileDepth); }
  // Returns the length of a channel in the second part of a row.
  int half_columns() const {
    const int outputs = columns() < 2 * kTileSide ? 2 * kTileSide : columns();  // pair_depthwise.h
    return tiles(outputs - kTileSide + kTileDepth * window_tiles(), kTileDepth) * kTileDepth;
  }
  // Returns the number of diagonals of the Toeplitz matrix of a window.
  int diagonals() const { return kTileDepth * window_tiles() + kTileSide; }
  // The sizes of planes, of a row and of the scratch of `mlp`, in floats.
  long planes_size() const { return static_cast<long>(channels) * columns(); }
  long row_size() const { return planes_size() + static_cast<long>(channels) * half_columns() / 2; }
  long scratch_size() const { return 3L * kTileSide * (channels + expanded); }
};

// The weights of a block. depthwise: [channels][frames][diagonals] pairs, with taps k and k + 1 at
// diagonals() - kTileSide - k. taps: the same weights in float32, [channels][frames][padded(taps)].
// weight1, weight2: left tiles [outputs / 16][inputs / 32]. bias1, bias2: [outputs][16], every
// value sixteen times.
struct TileWeights {
  const Bf16Pair* depthwise;
  const Bf16 *weight1, *weight2;
  const float *taps, *bias1, *bias2;
};

struct TileKernels {
  // Computes out[r][n] = bias[n] + sum over k of x[r][k] * weight(k, n) for `rows` rows. If bias is
  // null, the sum is added to the contents of `out`. depth is a multiple of kTileDepth; weight:
  // right tiles [columns / 16][depth / 32].
  void (*project)(const Bf16* x, int rows, int depth, const Bf16* weight, const float* bias,
                  int columns, float* out);

  // Rounds `count` values to bfloat16; count is a multiple of kLane.
  void (*round)(const float* x, int count, Bf16* out);

  // Convolves `count` consecutive frames depthwise, at most kTileFrames. Frame i is computed from
  // rows[i .. i + shape.frames - 1].
  void (*depthwise)(const float* const* rows, int count, const TileShape& shape,
                    const TileWeights& weights, float* const* planes);

  // Computes out = residual + weight2 * gelu(weight1 * (x * scale + shift) + bias1) + bias2. x:
  // planes; scale, shift: [channels] or null; residual, out: rows, which may be the same.
  void (*mlp)(const float* x, const TileShape& shape, const TileWeights& weights,
              const float* scale, const float* shift, const float* residual, float* out,
              float* scratch);

  // Fills the second part of a row from its planes.
  void (*mirror)(float* row, const TileShape& shape);

  // `mix` computes out[f][c] = sum over i of planes[i][f] * weight[i][c] + bias[c], and `unmix`
  // computes out[i][f] = sum over c of x[f][c] * weight[i][c] + bias[i]. weight: [count][channels].
  // A single plane (planes[i], out[i]) is [columns].
  void (*mix)(const float* const* planes, int count, const float* weight, const float* bias,
              const TileShape& shape, float* out);
  void (*unmix)(const float* x, const float* weight, const float* bias, int count,
                const TileShape& shape, float* const* out);

  // Computes x[f][c] = x[f][c] * scale[c] + shift[c] in place.
  void (*affine)(float* x, const float* scale, const float* shift, const TileShape& shape);

  // Return the sum of x, and the sum of (x[f][c] - mean)^2, over all that is not padding.
  double (*sum)(const float* x, const TileShape& shape);
  double (*sum_squares)(const float* x, float mean, const TileShape& shape);

  // Measures the peak speed of dot products of bfloat16 pairs: computes kPeakSums independent ones
  // `rounds` times and nothing else; rounds is even. Null for matrix tiles (AMX): they are so much
  // faster than any other kernels that `faster` need not measure them.
  float (*multiply_adds)(std::int64_t rounds);
};

const TileKernels& amx_kernels();
const TileKernels& avx512bf16_kernels();
#if defined(WAVEHAX_EMULATED_PAIRS)
const TileKernels& emulated_kernels();
#endif

}  // namespace wavehax
