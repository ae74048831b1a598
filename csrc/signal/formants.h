// A mel with moved formants: wavehax/mel/formants.py, which explains it, a frame at a time.
#pragma once

#include <vector>

#include "mel.h"

namespace wavehax {

// Least and greatest factor of formants; wavehax.checks.FORMANT_SCALES.
constexpr double kMinFormantScale = 0.5;
constexpr double kMaxFormantScale = 2.0;

// After construction no method allocates, locks or throws. Not safe for two threads at once.
class FormantMover {
 public:
  explicit FormantMover(const FeatureConfig& config);

  // The factor of frequency, kMinFormantScale to kMaxFormantScale, from the next frame on.
  void set(double scale);

  // Moves the formants of a frame [n_mels] that has no harmonics and is not below the floor. `f0`
  // is the pitch to be made in Hz, 0 where unvoiced.
  void move(float* mel, float f0);

 private:
  struct Place {  // of a frequency between the bands
    int below;    // the band at or below it
    double fraction;
  };

  Place place(double hz) const;
  double energy(const std::vector<double>& level, double top, float f0) const;

  float floor_;
  double f_max_;
  std::vector<double> centres_, widths_;  // Hz, of the bands
  std::vector<double> offset_;            // log-mel of each band where the spectrum is 1 everywhere
  std::vector<Place> sources_;
  std::vector<double> level_, moved_;
};

}  // namespace wavehax
