// A mel without the harmonics of a voice: wavehax/mel/harmonics.py, which explains it, a frame at a
// time.
#pragma once

#include <vector>

#include "mel.h"

namespace wavehax {

// Hz; a pitch beyond these counts as these.
constexpr double kLowestPitch = 40.0;
constexpr double kHighestPitch = 2000.0;

// After construction no method allocates, locks or throws. Not safe for two threads at once.
class HarmonicsFlattener {
 public:
  explicit HarmonicsFlattener(const FeatureConfig& config);

  // Raises a frame [n_mels] to the floor and, where `f0` (Hz) is not 0, smooths away the harmonics
  // of that pitch.
  void flatten(float* mel, float f0);

 private:
  void interpolate();
  double smoothed(double centre, double width) const;

  float floor_;
  double start_;                  // Hz, of the grid: a linear axis
  std::vector<double> centres_;   // Hz, of the bands
  std::vector<int> below_;        // of a point of the grid: the band at or below it
  std::vector<double> fraction_;  // and how far it is to the next one
  std::vector<double> power_, grid_;
};

}  // namespace wavehax
