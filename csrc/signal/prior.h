// The excitation of one voice: harmonics of F0 and noise (docs/design.md#prior). Twin of nn/prior.py.
#pragma once

#include <cstdint>
#include <string>

#include "buffers.h"
#include "random.h"

namespace wavehax {

enum class PriorKind { kPcph, kPcphLinearDecay, kSine, kSawtooth, kNoise };

// By kind, the square roots of 1/2 and 1/3 among them.
constexpr double kPriorRms[] = {0.1, 0.1, 0.7071067811865476, 0.5773502691896257, 1.0};  // where voiced, without noise
constexpr double kNoiseStd[] = {0.01, 0.01, 0.03, 0.03, 1.0};  // of the gaussian noise

double prior_rms(PriorKind kind);

class Prior {
 public:
  // `raise_noise`: noise of unvoiced frames at the power of voiced ones, as the excitation domain wants it.
  Prior(const Kernels& kernels, PriorKind kind, int hop_length, int sample_rate, bool raise_noise);

  // Samples by which the output lags behind the frames given: those that the decimation filter of `sawtooth` looks ahead.
  static int lag(PriorKind kind);

  void reset(std::uint64_t seed, bool noise);
  std::size_t memory() const { return base_.memory() + oversampled_.memory() + filter_.size() * sizeof(float); }

  // Passes over a frame without making its samples; only before the first push.
  void skip(float f0);

  // Appends to `out` what frame `f0` (Hz, 0 = unvoiced) completes; `finish` appends the rest, once no frame follows.
  void push(float f0, SampleBuffer& out);
  void finish(SampleBuffer& out);

 private:
  std::uint64_t phase_step(float f0) const;
  std::uint64_t frame_advance(float f0) const;  // of the phase over a frame
  void add_harmonics(float f0, float* out);
  void add_pcph(std::uint64_t step, std::uint64_t count, float amplitude, float* out) const;
  void push_sawtooth(float f0, SampleBuffer& out);
  void decimate(std::int64_t until, SampleBuffer& out);

  const Kernels* kernels_;
  PriorKind kind_;
  int hop_length_, sample_rate_;
  bool raise_noise_, noise_on_ = true;
  Noise noise_;
  std::uint64_t phase_ = 0;    // units of 2^-64 cycles: wraps exactly, however long the voice lives
  std::int64_t skipped_ = 0;   // samples passed over
  std::int64_t count_ = 0;     // samples of the frames given after those
  SampleBuffer base_;       // sawtooth: the noise of samples that await the filter
  SampleBuffer oversampled_;
  Floats filter_;
};

}  // namespace wavehax
