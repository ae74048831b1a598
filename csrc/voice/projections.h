// The projections over time of the prior's spectrum and of the mel (prior_proj, cond_proj), summed tap by tap.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "../signal/buffers.h"
#include "network.h"

namespace wavehax {

// Sums of the frames that are begun: the first of them is the next to be complete. A frame begins with tap 0, which sees the
// oldest input, and is complete with the last tap, which sees the newest.
//
//   frame   t  t+1 t+2 t+3   With the last tap of frame t still to come, later taps have been added to it alone, earlier ones
//   tap 0   x   x   x   x    to the frames after it as well: a product costs the reading of its weights, so one for few frames
//   tap 1   x   x   x   .    takes in up to kAhead, as far as their input has come.
//   tap 2   x   .   .   .    summed_[tap]: the first frame without it (here t+4, t+3, t+1 for taps 0 to 2).
//   ...                      After `complete`, `drop` moves the sums that are only begun to the front.
class RunningProjection {
 public:
  RunningProjection(const Engine& engine, Network& network);

  void reset() { summed_.fill(0); }
  std::size_t memory() const { return (cond_.size() + prior_.size()) * sizeof(float); }  // bytes on the heap

  // Adds the taps that frames `first` .. `first` + count - 1 still lack, and earlier taps of frames after them; count is at
  // most kProjectedFrames, and the input of these frames has come. `first` is the number of frames dropped.
  void complete(std::int64_t first, std::int64_t count, const FrameRing& mel, const std::vector<FrameRing>& spectra);

  // The sums of the frame that is `i` after the first: of the mel, for every stream [bins]; of a part (re, im) of the spectrum.
  const float* cond(std::int64_t i) const { return cond_.data() + i * engine_.cond_columns(); }
  const float* prior(std::int64_t i, int part) const { return prior_.data() + (2 * i + part) * padded(engine_.bins); }

  // Forgets the first `count` frames, of which `first` is the number.
  void drop(std::int64_t first, std::int64_t count);

 private:
  // Offset in frames from an output to the input that `tap` multiplies; negative is the past.
  int offset(int tap) const { return tap - kProjectionTaps + 1 + engine_.look_right; }
  void add_tap(int tap, std::int64_t first, std::int64_t from, std::int64_t until, const FrameRing& mel,
               const std::vector<FrameRing>& spectra);

  const Engine& engine_;
  Network& network_;
  Floats cond_, prior_;
  std::array<std::int64_t, kProjectionTaps> summed_{};
};

}  // namespace wavehax
