// The layers in float32, on the vector kernels of kernels/table.h: rows [mirrored + bins + mirrored][channels].
#pragma once

#include "network.h"

namespace wavehax {

class VectorNetwork : public Network {
 public:
  VectorNetwork(const Engine& engine, std::int64_t tile);

  std::size_t memory() const override;
  void share(int threads) override;
  int row_size() const override { return (engine_.bins + 2 * engine_.mirrored) * engine_.width; }
  std::int64_t block_tile() const override {
    if (!engine_.streamable) return tile_;
    return fused(engine_.blocks.front().norm) ? kFused : kApart;
  }
  void project_mel(int tap, const float* const* inputs, int rows, float* out) override;
  void project_prior(int tap, const float* const* inputs, int rows, float* out) override;
  void mix(const float* const* planes, int count, float* row) override;
  void finish_input(float* const* rows, std::int64_t count) override;
  void block(std::size_t index, const float* const* rows, const float* const* residuals, std::int64_t count,
             float* const* outs) override;
  void finish_output(float* const* rows, std::int64_t count) override;
  void unmix(const float* row, int count, float* const* planes) override;

 private:
  // Frames that a block takes at a time, of 2 to 6 the fastest: 4 where a norm over the frame divides it (by 3 to 5 %); where
  // tiles of bins pass through all of it none was faster than 2.
  static constexpr std::int64_t kFused = 2, kApart = 4;

  // A norm over the utterance lets every block work in place: then no output may be written while inputs are still read.
  bool fused(const Norm& norm) const { return engine_.streamable && norm.kind == NormKind::kBatch; }
  float* interior(float* row) const { return row + engine_.mirrored * engine_.width; }
  const float* interior(const float* row) const { return row + engine_.mirrored * engine_.width; }
  int frame_size() const { return engine_.bins * engine_.width; }
  void project(const Projection& projection, bool begins, const float* const* inputs, int rows, float* out);
  void convolve(const Block& block, const float* const* rows, std::int64_t count);
  void normalise(const Norm& norm, float* const* frames, std::int64_t count);
  void mirror(float* row) const;

  const Engine& engine_;
  const std::int64_t tile_;
  int threads_ = 1;
  Floats scratch_, convolved_, scale_, shift_;
  std::vector<float*> convolved_rows_, outputs_, interiors_;
  std::vector<const float*> residuals_;
  std::vector<Moments> moments_;  // of the frames that a norm over the utterance takes
};

}  // namespace wavehax
