// The projections over time of the prior's spectrum (prior_proj) and of the mel (cond_proj), summed
// tap by tap.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "../signal/buffers.h"
#include "network.h"

namespace wavehax {

// Holds the sums of frames to which some taps have been added. Tap 0 multiplies the oldest input of
// a frame and is added first. The last tap multiplies the newest input and completes the sum. The
// first frame held is the next one to complete.
//
// Reading the weights of a tap is what makes it expensive. Once read, they serve several frames:
// the frames that are due, and later ones whose input has come, up to kAhead frames
// (projections.cpp).
//
// This example has four taps and shows the sums before frame t is completed. x marks a tap that has
// been added:
//
//   frame   t  t+1 t+2 t+3
//   tap 0   x   x   x   x      summed_[0] = t + 4: the first frame without tap 0
//   tap 1   x   x   x   .      summed_[1] = t + 3
//   tap 2   x   .   .   .      summed_[2] = t + 1
//   tap 3   .   .   .   .      summed_[3] = t; its input comes last
//
// `complete` adds the taps that are missing. `drop` then moves the sums that are only begun to the
// front.
class RunningProjection {
 public:
  RunningProjection(const Engine& engine, Network& network);

  void reset() { summed_.fill(0); }
  // Returns the bytes held on the heap.
  std::size_t memory() const { return (cond_.size() + prior_.size()) * sizeof(float); }

  // Adds the taps that frames `first` to first + count - 1 still lack, and earlier taps of later
  // frames. `count` is at most kProjectedFrames, the input of these frames must have come, and
  // `first` is the number of frames dropped so far.
  void complete(std::int64_t first, std::int64_t count, const FrameRing& mel,
                const std::vector<FrameRing>& spectra);

  // Return the sums of the frame that is `i` after the first one held. `cond`: of the mel, [bins]
  // for every stream. `prior`: of part 0 (real) or 1 (imaginary) of the spectrum.
  const float* cond(std::int64_t i) const { return cond_.data() + i * engine_.cond_columns(); }
  const float* prior(std::int64_t i, int part) const {
    return prior_.data() + (2 * i + part) * padded(engine_.bins);
  }

  // Forgets the first `count` frames held. `first` is the number of the first of them.
  void drop(std::int64_t first, std::int64_t count);

 private:
  // Offset in frames from an output to the input that `tap` multiplies; negative is the past.
  int offset(int tap) const {
    return tap - engine_.config.projection_taps + 1 + engine_.look_right;
  }
  void add_tap(int tap, std::int64_t first, std::int64_t from, std::int64_t until,
               const FrameRing& mel, const std::vector<FrameRing>& spectra);

  const Engine& engine_;
  Network& network_;
  Floats cond_, prior_;
  std::array<std::int64_t, kMaxProjectionTaps> summed_{};  // by tap
};

}  // namespace wavehax
