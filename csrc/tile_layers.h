// Layers packed for kernels/tiles.h: the same products with factors in bfloat16.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layers.h"
#include "kernels/tiles.h"

namespace wavehax {

// Conv1d over time with bins as channels.
struct TileProjection {
  TileProjection(Weights& weights, const std::string& name, int outputs, int inputs, int taps);

  int taps, inputs, depth, columns;  // depth: inputs, padded to kTileDepth; columns: outputs, padded
  Aligned<Bf16> weight;
  Floats bias;

  std::int64_t window_size(int rows, int parts) const { return (std::int64_t{rows} + taps - 1) * parts * depth; }

  // `parts` sequences of `rows` frames, of which one is the next one's left neighbour: inputs [rows][parts][taps], each
  // padded(inputs) floats; out [rows][parts][columns]; window [rows + taps - 1][parts][depth].
  void run(const TileKernels& kernels, const float* const* inputs, int rows, int parts, Bf16* window, float* out) const;
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
  std::unique_ptr<TileProjection> prior_proj, cond_proj;
  std::vector<TileBlock> blocks;
};

}  // namespace wavehax
