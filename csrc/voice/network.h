// The layers between the spectra of the prior and that of the wave, for one voice. A frame is a row of floats in the layout that
// the kernels want; Stream keeps rows in the order of time and gives them in turn, here they are computed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "../model/engine.h"

namespace wavehax {

constexpr int kProjectedFrames = 8;  // most frames of a projection, which reads its weights, most of a model, once for all

// After construction no method but `share` allocates, locks or throws, unless threads share the work.
class Network {
 public:
  virtual ~Network() = default;

  virtual std::size_t memory() const = 0;       // bytes that it holds
  virtual int row_size() const = 0;             // floats
  virtual void share(int threads) = 0;          // the blocks, where a norm takes the whole utterance
  virtual std::int64_t block_tile() const = 0;  // frames that the blocks take at a time, so that they stay in the cache

  // A tap of cond_proj and prior_proj for `rows` frames, at most kProjectedFrames: inputs [rows] and [rows][2], the second for
  // both parts of the spectrum; out [rows][columns] and [rows][2][columns]. Tap 0 begins the sums, the others are added.
  virtual void project_mel(int tap, const float* const* inputs, int rows, float* out) = 0;
  virtual void project_prior(int tap, const float* const* inputs, int rows, float* out) = 0;

  // The 1x1 convolution of `count` planes [bins].
  virtual void mix(const float* const* planes, int count, float* row) = 0;

  // The norm after it, and what the blocks need of a row besides.
  virtual void finish_input(float* const* rows, std::int64_t count) = 0;

  // A block: frame i of `count` from rows[i .. i + kernel_frames], of which residuals[i] is one; outs may be residuals only if
  // the engine does not stream.
  virtual void block(std::size_t index, const float* const* rows, const float* const* residuals, std::int64_t count,
                     float* const* outs) = 0;

  // The norm after the blocks.
  virtual void finish_output(float* const* rows, std::int64_t count) = 0;

  // The 1x1 convolution to `count` planes [bins].
  virtual void unmix(const float* row, int count, float* const* planes) = 0;
};

// `tile`: the frames of the projections and norms at a time, at least block_tile(); of a norm over the utterance, all of them.
std::unique_ptr<Network> make_network(const Engine& engine, std::int64_t tile);

}  // namespace wavehax
