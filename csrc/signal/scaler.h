// A voice at another pitch, or of a larger or smaller speaker: what becomes of its mel and F0, as
// in wavehax/vocoder.py.
#pragma once

#include "formants.h"
#include "harmonics.h"

namespace wavehax {

struct Scales {
  double f0 = 1.0;
  double formants = 1.0;  // kMinFormantScale to kMaxFormantScale
  bool changes() const { return f0 != 1.0 || formants != 1.0; }
  float of(float pitch) const { return static_cast<float>(pitch * f0); }
};

// After construction no method allocates, locks or throws. Not safe for two threads at once.
class Scaler {
 public:
  explicit Scaler(const FeatureConfig& config) : flattener_(config), mover_(config) {}

  const Scales& scales() const { return scales_; }
  void set(const Scales& scales) {  // from the next frame on
    scales_ = scales;
    mover_.set(scales.formants);
  }

  // Changes a frame [n_mels] of a voice with this F0, in Hz, and returns the F0 to be made.
  float apply(float* mel, float f0) {
    if (!scales_.changes()) return f0;
    flattener_.flatten(mel, f0);
    const float made = scales_.of(f0);
    if (scales_.formants != 1.0) mover_.move(mel, made);
    return made;
  }

 private:
  Scales scales_;
  HarmonicsFlattener flattener_;
  FormantMover mover_;
};

}  // namespace wavehax
