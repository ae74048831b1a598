// The layers packed for kernels/tiles.h, with factors in bfloat16.
#pragma once

#include <cstdint>
#include <vector>

#include "../kernels/tiles.h"
#include "layers.h"

namespace wavehax {

// One tap of a Conv1d over time whose channels are bins or bands (see by_tap).
struct TileProjection {
  // weight: [outputs][inputs]; bias: [outputs] or null
  TileProjection(const float* weight, const float* bias, int outputs, int inputs);

  int inputs, depth, columns;  // depth: inputs, padded to kTileDepth; columns: outputs, padded
  Aligned<Bf16> weight;
  Floats bias;

  // rows: [count] pointers to padded(inputs) floats; rounded: [count][depth], scratch; out:
  // [count][columns].
  void run(const TileKernels& kernels, const float* const* rows, int count, Bf16* rounded,
           float* out) const;
  // Adds the results, without the bias, to the contents of `out`.
  void add(const TileKernels& kernels, const float* const* rows, int count, Bf16* rounded,
           float* out) const;

 private:
  void run_from(const float* start, const TileKernels& kernels, const float* const* rows, int count,
                Bf16* rounded, float* out) const;
};

struct TileBlock {
  explicit TileBlock(const Block& block);

  TileShape shape;
  Aligned<Bf16Pair> dwconv;
  Aligned<Bf16> weight1, weight2;
  Floats taps, bias1, bias2;

  TileWeights weights() const {
    return {dwconv.data(), weight1.data(), weight2.data(), taps.data(), bias1.data(), bias2.data()};
  }
};

// The projections and blocks of an engine in mixed precision, packed for the tile kernels.
struct TileLayers {
  const TileKernels& kernels;
  std::vector<TileProjection> prior_proj, cond_proj;  // by tap
  std::vector<TileBlock> blocks;
};

}  // namespace wavehax
