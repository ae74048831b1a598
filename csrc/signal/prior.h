// The excitation of one voice: harmonics of F0 and noise (docs/design.md#prior). Twin of
// nn/prior.py.
#pragma once

#include <cstdint>
#include <string>

#include "buffers.h"
#include "random.h"

namespace wavehax {

enum class PriorKind { kPcph, kPcphLinearDecay, kSine, kSawtooth, kNoise };

// Levels by PriorKind. kPriorRms is the RMS of the harmonics of a voiced frame, without noise: that
// of a sine is the square root of 1/2, that of a sawtooth the square root of 1/3. kNoiseStd is the
// standard deviation of the Gaussian noise.
constexpr double kPriorRms[] = {0.1, 0.1, 0.7071067811865476, 0.5773502691896257, 1.0};
constexpr double kNoiseStd[] = {0.01, 0.01, 0.03, 0.03, 1.0};

double prior_rms(PriorKind kind);

class Prior {
 public:
  // `raise_noise` sets the noise of unvoiced frames to the power of voiced ones, which the
  // excitation domain wants.
  Prior(const Kernels& kernels, PriorKind kind, int hop_length, int sample_rate, bool raise_noise);

  // Returns the samples by which the output lags behind the frames given: those that the decimation
  // filter of `sawtooth` looks ahead. 0 for all other kinds.
  static int lag(PriorKind kind);

  void reset(std::uint64_t seed, bool noise);
  std::size_t memory() const {
    return base_.memory() + oversampled_.memory() + filter_.size() * sizeof(float);
  }

  // Passes over a frame without making its samples. Allowed only before the first push.
  void skip(float f0);

  // `push` appends to `out` the samples that a frame of F0 (Hz, 0 = unvoiced) completes. `finish`
  // appends the rest, once no frame follows.
  void push(float f0, SampleBuffer& out);
  void finish(SampleBuffer& out);

 private:
  std::uint64_t phase_step(float f0) const;
  // Returns the advance of the phase over a frame.
  std::uint64_t frame_advance(float f0) const;
  void add_harmonics(float f0, float* out);
  void add_pcph(std::uint64_t step, std::uint64_t count, float amplitude, float* out) const;
  void push_sawtooth(float f0, SampleBuffer& out);
  void decimate(std::int64_t until, SampleBuffer& out);

  const Kernels* kernels_;
  PriorKind kind_;
  int hop_length_, sample_rate_;
  bool raise_noise_, noise_on_ = true;
  Noise noise_;
  // In units of 2^-64 cycles. It wraps exactly, however long the voice lives.
  std::uint64_t phase_ = 0;
  std::int64_t skipped_ = 0;  // samples of the frames passed over by `skip`
  std::int64_t count_ = 0;    // samples of the frames pushed
  SampleBuffer base_;         // sawtooth: the noise of samples that await the decimation filter
  SampleBuffer oversampled_;
  Floats filter_;
};

}  // namespace wavehax
