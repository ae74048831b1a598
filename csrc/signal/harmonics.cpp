#include "harmonics.h"

#include <algorithm>
#include <cmath>

namespace wavehax {
namespace {

// As wavehax/mel/harmonics.py.
constexpr double kGridHz = 10.0;
constexpr double kSteps = 24.0;

}  // namespace

HarmonicsFlattener::HarmonicsFlattener(const FeatureConfig& c)
    : floor_(static_cast<float>(std::log(c.log_floor))),
      start_(c.f_min - kHighestPitch),
      power_(c.n_mels) {
  const std::vector<double> edges = mel_frequencies(c);
  centres_.assign(edges.begin() + 1, edges.end() - 1);
  const int points = static_cast<int>(std::ceil((c.f_max + kHighestPitch - start_) / kGridHz));
  for (int i = 0; i < points; ++i) {
    const double hz = start_ + kGridHz * i;
    const auto above = std::upper_bound(centres_.begin(), centres_.end(), hz);
    const int band =
        std::clamp(static_cast<int>(above - centres_.begin()) - 1, 0, std::max(0, c.n_mels - 2));
    const double gap = c.n_mels > 1 ? centres_[band + 1] - centres_[band] : 1.0;
    below_.push_back(band);
    fraction_.push_back(c.n_mels > 1 ? std::clamp((hz - centres_[band]) / gap, 0.0, 1.0) : 0.0);
  }
  grid_.resize(points);
}

void HarmonicsFlattener::flatten(float* mel, float f0) {
  for (std::size_t band = 0; band < power_.size(); ++band) mel[band] = std::max(mel[band], floor_);
  if (!(f0 > 0.0f)) return;
  for (std::size_t band = 0; band < power_.size(); ++band) power_[band] = std::exp(2.0 * mel[band]);
  interpolate();
  const double step = std::nearbyint(
      kSteps * std::log2(std::clamp<double>(f0, kLowestPitch, kHighestPitch) / kLowestPitch));
  const double width = kLowestPitch * std::exp2(step / kSteps);
  for (std::size_t band = 0; band < power_.size(); ++band)
    mel[band] = static_cast<float>(0.5 * std::log(smoothed(centres_[band], width)));
}

void HarmonicsFlattener::interpolate() {
  for (std::size_t i = 0; i < grid_.size(); ++i) {
    const double low = power_[below_[i]];
    grid_[i] = fraction_[i] == 0.0 ? low : low + fraction_[i] * (power_[below_[i] + 1] - low);
  }
}

// The mean of the grid under a triangle.
double HarmonicsFlattener::smoothed(double centre, double width) const {
  const int first = std::max(0, static_cast<int>(std::floor((centre - width - start_) / kGridHz)));
  const int last = std::min(static_cast<int>(grid_.size()) - 1,
                            static_cast<int>(std::ceil((centre + width - start_) / kGridHz)));
  double sum = 0.0, weights = 0.0;
  for (int i = first; i <= last; ++i) {
    const double weight = std::max(0.0, 1.0 - std::abs(start_ + kGridHz * i - centre) / width);
    sum += weight * grid_[i];
    weights += weight;
  }
  return sum / weights;
}

}  // namespace wavehax
