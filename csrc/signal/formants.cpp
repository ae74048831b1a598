#include "formants.h"

#include <algorithm>
#include <cmath>

#include "harmonics.h"

namespace wavehax {
namespace {

// As wavehax/mel/formants.py.
constexpr double kKnee = 0.8;
constexpr double kLeast = 1e-30;

}  // namespace

FormantMover::FormantMover(const FeatureConfig& c)
    : floor_(static_cast<float>(std::log(c.log_floor))),
      f_max_(c.f_max),
      sources_(c.n_mels),
      level_(c.n_mels),
      moved_(c.n_mels) {
  const std::vector<double> edges = mel_frequencies(c);
  for (int band = 0; band < c.n_mels; ++band) {
    centres_.push_back(edges[band + 1]);
    widths_.push_back((edges[band + 2] - edges[band]) / 2.0);
    offset_.push_back(c.unit_area ? 0.0 : std::log(widths_.back()));
  }
  set(1.0);
}

void FormantMover::set(double scale) {
  const double top = centres_.back(), knee = kKnee * f_max_ / std::max(1.0, scale);
  for (std::size_t band = 0; band < centres_.size(); ++band) {
    const double hz = centres_[band];
    const bool scaled = knee >= top || hz <= scale * knee;
    sources_[band] = place(
        scaled ? hz / scale : knee + (top - knee) * (hz - scale * knee) / (top - scale * knee));
  }
}

void FormantMover::move(float* mel, float f0) {
  const std::size_t bands = level_.size();
  if (std::all_of(mel, mel + bands, [&](float value) { return value == floor_; })) return;
  for (std::size_t band = 0; band < bands; ++band) level_[band] = mel[band] - offset_[band];
  for (std::size_t band = 0; band < bands; ++band) {
    const auto [below, fraction] = sources_[band];
    moved_[band] = level_[below];
    if (fraction > 0.0) moved_[band] += fraction * (level_[below + 1] - level_[below]);
  }
  const double top = *std::max_element(level_.begin(), level_.end());
  const double gain =
      0.5 * std::log((energy(level_, top, f0) + kLeast) / (energy(moved_, top, f0) + kLeast));
  for (std::size_t band = 0; band < bands; ++band)
    mel[band] = std::max(static_cast<float>(moved_[band] + gain + offset_[band]), floor_);
}

FormantMover::Place FormantMover::place(double hz) const {
  const int last = static_cast<int>(centres_.size()) - 1;
  const auto above = std::upper_bound(centres_.begin(), centres_.end(), hz);
  const int below = static_cast<int>(above - centres_.begin()) - 1;
  if (below < 0) return {0, 0.0};
  if (below >= last) return {last, 0.0};
  return {below, (hz - centres_[below]) / (centres_[below + 1] - centres_[below])};
}

// The energy of a frame, whose bands have these levels in natural logarithms, over exp(2 * top).
double FormantMover::energy(const std::vector<double>& level, double top, float f0) const {
  double sum = 0.0;
  if (!(f0 > 0.0f)) {
    for (std::size_t band = 0; band < level.size(); ++band)
      sum += std::exp(2.0 * (level[band] - top)) * widths_[band];
    return sum;
  }
  const double spacing = std::clamp<double>(f0, kLowestPitch, kHighestPitch);
  const int harmonics = static_cast<int>(f_max_ / spacing);
  for (int k = 1; k <= harmonics; ++k) {
    const auto [below, fraction] = place(k * spacing);
    double at = level[below];
    if (fraction > 0.0) at += fraction * (level[below + 1] - level[below]);
    sum += std::exp(2.0 * (at - top));
  }
  return sum;
}

}  // namespace wavehax
