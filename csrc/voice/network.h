// The layers between the spectra of the prior and the spectrum of the wave, for one voice. A frame
// is a row of floats in the layout of the kernels. Stream keeps the rows in the order of time and
// hands them over; here they are computed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "../model/engine.h"

namespace wavehax {

// Most frames that a projection computes at once. It reads its weights, which are most of a model,
// once for all of them.
constexpr int kProjectedFrames = 8;

// After construction no method but `share` allocates, locks or throws, unless threads share the
// work.
class Network {
 public:
  virtual ~Network() = default;

  // Returns the bytes that the network holds.
  virtual std::size_t memory() const = 0;
  // Returns the floats of a row.
  virtual int row_size() const = 0;
  // Lets `threads` threads share the work of each block. It may be called only for an engine that
  // does not stream: its norm is over the whole utterance.
  virtual void share(int threads) = 0;
  // Returns the frames that the blocks take at a time: few, so that the frames stay in the cache.
  virtual std::int64_t block_tile() const = 0;

  // Compute one tap of cond_proj and of prior_proj for `rows` frames, at most kProjectedFrames.
  // project_mel: inputs [rows], out [rows][columns]. project_prior: inputs [rows][2], the real and
  // imaginary part, and out [rows][2][columns]. Tap 0 begins the sums; the others are added.
  virtual void project_mel(int tap, const float* const* inputs, int rows, float* out) = 0;
  virtual void project_prior(int tap, const float* const* inputs, int rows, float* out) = 0;

  // Computes input_proj, the 1x1 convolution from `count` planes [bins] to a row.
  virtual void mix(const float* const* planes, int count, float* row) = 0;

  // Applies the norm after input_proj to the rows and completes them for the first block (mirrored
  // bins, for example).
  virtual void finish_input(float* const* rows, std::int64_t count) = 0;

  // Computes a block: frame i of `count` from rows[i .. i + kernel_frames - 1], plus residuals[i],
  // which is one of them. `outs` may be `residuals` only if the engine does not stream.
  virtual void block(std::size_t index, const float* const* rows, const float* const* residuals,
                     std::int64_t count, float* const* outs) = 0;

  // Applies the norm after the blocks to the rows.
  virtual void finish_output(float* const* rows, std::int64_t count) = 0;

  // Computes output_proj, the 1x1 convolution from a row to `count` planes [bins].
  virtual void unmix(const float* row, int count, float* const* planes) = 0;
};

// Makes the network of an engine. `tile` is the number of frames that projections and norms take at
// a time: at least block_tile(), and the whole utterance for a norm over it.
std::unique_ptr<Network> make_network(const Engine& engine, std::int64_t tile);

}  // namespace wavehax
