// Short-time Fourier transform and its inverse (docs/design.md#stft). Twin of nn/stft.py.
#pragma once

#include <cstdint>

#include "buffers.h"
#include "fft.h"

namespace wavehax {

// Immutable. Frame t covers samples t * hop_length - margin to t * hop_length - margin + n_fft - 1,
// with margin = (n_fft - hop_length) / 2.
class Stft {
 public:
  Stft(int n_fft, int hop_length);

  int n_fft() const { return fft_.size(); }
  int hop_length() const { return hop_length_; }
  int margin() const { return (n_fft() - hop_length_) / 2; }
  int scratch_size() const { return n_fft() + fft_.scratch_size(); }
  const Floats& window() const { return window_; }
  double window_energy() const;

  // Returns the number of frames whose window ends within the first `samples` samples.
  std::int64_t complete(std::int64_t samples) const;
  // Computes the spectrum of frame t; re, im: [n_fft / 2 + 1]. Samples that do not exist count as
  // zeros.
  void forward(const SampleBuffer& samples, std::int64_t t, float* re, float* im,
               float* scratch) const;
  // Computes the windowed samples of one frame, [n_fft].
  void inverse(const float* re, const float* im, float* samples, float* scratch) const;

 private:
  int hop_length_;
  RealFft fft_;
  Floats window_;  // periodic Hann
};

// The overlap-add of one voice, divided by that of the squared window of the same frames.
class OverlapAdd {
 public:
  explicit OverlapAdd(const Stft& stft);
  void reset();
  std::size_t memory() const {
    return (sum_.size() + weight_.size() + squared_window_.size()) * sizeof(float);
  }

  // `add` adds the next frame and appends to `out` the hop that is now final. `finish` appends the
  // rest of the last hop.
  void add(const float* re, const float* im, SampleBuffer& out, float* scratch);
  void finish(SampleBuffer& out);

 private:
  void emit(std::int64_t count, SampleBuffer& out);

  const Stft* stft_;
  Floats sum_, weight_, squared_window_;
  std::int64_t frames_ = 0;
};

}  // namespace wavehax
