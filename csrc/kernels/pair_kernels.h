// The kernels of tiles.h by products of pairs, for processors that have those but no tiles.
// Included in an anonymous namespace, inside the target region of the processor, after the
// operations on its vectors.

#include "../simd/taps.h"
#include "planes.h"
#include "tile_rows.h"
#include "tile_pointwise.h"
#include "pair_projections.h"
#include "pair_depthwise.h"
#include "pair_mlp.h"

static float multiply_adds(std::int64_t rounds) {
  constexpr int kSums = 2 * kPeakSums;
  Vec sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = splat(static_cast<float>(i));
  const Words factor = pair(splat(0.5f), splat(0.25f));
  for (std::int64_t n = 0; n < rounds; n += 2) {
    WAVEHAX_UNROLL
    for (int i = 0; i < kSums; ++i) sums[i] = dot_pairs(sums[i], factor, factor);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = add(sums[0], sums[i]);
  return sum_lanes(sums[0]);
}

constexpr TileKernels kKernels = {project, round,  depthwise, mlp,         mirror,       mix,
                                  unmix,   affine, sum,       sum_squares, multiply_adds};
