// Layers packed for kernels/tiles.h: the same products with factors in bfloat16.
#pragma once

#include <cstdint>
#include <vector>

#include "../kernels/tiles.h"
#include "layers.h"

namespace wavehax {

// A tap of a Conv1d over time with bins as channels (by_tap).
struct TileProjection {
  // weight: [outputs][inputs]; bias: [outputs] or null
  TileProjection(const float* weight, const float* bias, int outputs, int inputs);

  int inputs, depth, columns;  // depth: inputs, padded to kTileDepth; columns: outputs, padded
  Aligned<Bf16> weight;
  Floats bias;

  // rows: [count], each padded(inputs) floats; rounded: [count][depth], scratch; out: [count][columns].
  void run(const TileKernels& kernels, const float* const* rows, int count, Bf16* rounded, float* out) const;
  // The same on top of what `out` holds, without the bias.
  void add(const TileKernels& kernels, const float* const* rows, int count, Bf16* rounded, float* out) const;

 private:
  void run_from(const float* start, const TileKernels& kernels, const float* const* rows, int count, Bf16* rounded,
                float* out) const;
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

// Those of an engine in mixed precision.
struct TileLayers {
  const TileKernels& kernels;
  std::vector<TileProjection> prior_proj, cond_proj;  // by tap
  std::vector<TileBlock> blocks;
};

}  // namespace wavehax
