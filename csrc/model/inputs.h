// The input of an utterance, and the search for values that no model can take.
#pragma once

#include <cmath>
#include <cstdint>

namespace wavehax {

constexpr float kMinF0 = 1.0f;  // Hz, the least F0 of a voiced frame; wavehax.checks.MIN_F0
// Tolerance of the floor in the natural logarithm of a magnitude; wavehax.config.FLOOR_TOLERANCE.
constexpr double kFloorTolerance = 1e-4;

// Returns the least value of a log-mel whose magnitudes are at least `log_floor`, rounded as
// features.log_mel rounds it; -inf for 0.
inline float mel_floor(double log_floor) { return static_cast<float>(std::log(log_floor)); }

struct MelView {
  const float* data;
  std::int64_t band_stride, frame_stride;  // in floats
  MelView from(std::int64_t frame) const {
    return {data + frame * frame_stride, band_stride, frame_stride};
  }
  float at(std::int64_t frame, int band) const {
    return data[frame * frame_stride + band * band_stride];
  }
};

// Returns frame * n_mels + band of the first value that is not finite, or frames * n_mels if all
// are finite.
std::int64_t first_not_finite(MelView mel, std::int64_t frames, int n_mels);

// Returns the first frame whose F0 is not valid, or `frames` if all are. F0 is valid if it is 0, or
// finite and at least kMinF0.
std::int64_t first_no_pitch(const float* f0, std::int64_t frames);

}  // namespace wavehax
