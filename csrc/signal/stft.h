// Short-time Fourier transform and its inverse (docs/design.md#stft). Twin of nn/stft.py.
#pragma once

#include <cstdint>

#include "buffers.h"
#include "fft.h"

namespace wavehax {

// Frame t covers samples t * hop - margin .. t * hop - margin + n_fft, with margin = (n_fft - hop) / 2. Immutable.
class Stft {
 public:
  Stft(int n_fft, int hop);

  int n_fft() const { return fft_.size(); }
  int hop() const { return hop_; }
  int margin() const { return (n_fft() - hop_) / 2; }
  int scratch_size() const { return n_fft() + fft_.scratch_size(); }
  const Floats& window() const { return window_; }
  double window_energy() const;

  // Frames whose window lies within the first `samples` samples.
  std::int64_t complete(std::int64_t samples) const;
  // Spectrum of frame t, zeros outside the samples there are; re, im: [n_fft / 2 + 1].
  void forward(const SampleBuffer& samples, std::int64_t t, float* re, float* im, float* scratch) const;
  // Windowed samples of one frame, [n_fft].
  void inverse(const float* re, const float* im, float* samples, float* scratch) const;

 private:
  int hop_;
  RealFft fft_;
  Floats window_;  // periodic Hann
};

// Overlap-add of one voice, divided by the overlap-added squared window of the frames that exist.
class OverlapAdd {
 public:
  explicit OverlapAdd(const Stft& stft);
  void reset();
  std::size_t memory() const { return (sum_.size() + weight_.size() + squared_window_.size()) * sizeof(float); }

  // Adds the next frame and appends to `out` the hop that is now final; `finish` appends the rest of the last hop.
  void add(const float* re, const float* im, SampleBuffer& out, float* scratch);
  void finish(SampleBuffer& out);

 private:
  void emit(std::int64_t count, SampleBuffer& out);

  const Stft* stft_;
  Floats sum_, weight_, squared_window_;
  std::int64_t frames_ = 0;
};

}  // namespace wavehax
