#include "inputs.h"

namespace wavehax {

std::int64_t first_not_finite(MelView mel, std::int64_t frames, int n_mels) {
  for (std::int64_t t = 0; t < frames; ++t)
    for (int k = 0; k < n_mels; ++k)
      if (!std::isfinite(mel.at(t, k))) return t * n_mels + k;
  return frames * n_mels;
}

std::int64_t first_no_pitch(const float* f0, std::int64_t frames) {
  for (std::int64_t t = 0; t < frames; ++t)
    if (!std::isfinite(f0[t]) || (f0[t] != 0.0f && f0[t] < kMinF0)) return t;
  return frames;
}

}  // namespace wavehax
