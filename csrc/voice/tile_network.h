// The layers in mixed precision, by the kernels of kernels/tiles.h: on matrix tiles or on pairs.
#pragma once

#include "network.h"

namespace wavehax {

class TileNetwork : public Network {
 public:
  TileNetwork(const Engine& engine, std::int64_t tile);

  std::size_t memory() const override;
  void share(int threads) override;
  int row_size() const override { return static_cast<int>(shape_.row_size()); }
  std::int64_t block_tile() const override { return engine_.streamable ? kTileFrames : tile_; }
  void project_mel(int tap, const float* const* inputs, int rows, float* out) override;
  void project_prior(int tap, const float* const* inputs, int rows, float* out) override;
  void mix(const float* const* planes, int count, float* row) override;
  void finish_input(float* const* rows, std::int64_t count) override;
  void block(std::size_t index, const float* const* rows, const float* const* residuals,
             std::int64_t count, float* const* outs) override;
  void finish_output(float* const* rows, std::int64_t count) override;
  void unmix(const float* row, int count, float* const* planes) override;

 private:
  void project(const TileProjection& projection, bool begins, const float* const* inputs, int rows,
               float* out);
  Moments measure(const float* planes) const;
  void normalise(const Norm& norm, float* const* rows, std::int64_t count);

  const Engine& engine_;
  const TileLayers& layers_;
  const TileKernels& kernels_;
  const TileShape& shape_;
  const std::int64_t tile_;
  int threads_ = 1;
  Floats scratch_, convolved_, scale_, shift_;
  Aligned<Bf16> rounded_;
  std::vector<float*> convolved_rows_;
  std::vector<Moments> moments_;  // one for each frame, for a norm over the utterance
};

}  // namespace wavehax
