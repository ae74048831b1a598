// What an utterance is given, and the values in it that no model can take.
#pragma once

#include <cmath>
#include <cstdint>

namespace wavehax {

constexpr float kMinF0 = 1.0f;  // Hz; wavehax.checks.MIN_F0
constexpr double kFloorTolerance = 1e-4;  // log-magnitude; wavehax.config.FLOOR_TOLERANCE

// The least value of a log-mel whose magnitudes are at least `log_floor`, as features.log_mel rounds it; -inf for 0.
inline float mel_floor(double log_floor) { return static_cast<float>(std::log(log_floor)); }

struct MelView {
  const float* data;
  std::int64_t band_stride, frame_stride;  // floats
  MelView from(std::int64_t frame) const { return {data + frame * frame_stride, band_stride, frame_stride}; }
  float at(std::int64_t frame, int band) const { return data[frame * frame_stride + band * band_stride]; }
};

// frame * n_mels + band of the first value that is not finite; frames * n_mels where all are.
std::int64_t first_not_finite(MelView mel, std::int64_t frames, int n_mels);

// The first frame whose F0 is neither 0 nor finite and at least kMinF0; `frames` where there is none.
std::int64_t first_no_pitch(const float* f0, std::int64_t frames);

}  // namespace wavehax
