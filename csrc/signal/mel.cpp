#include "mel.h"

#include <algorithm>
#include <cmath>

#include "buffers.h"

namespace wavehax {
namespace {

constexpr double kTurn = 6.283185307179586476925;

// Slaney's Auditory Toolbox scale: linear up to 1 kHz (15 mel), then 27 steps for a factor of 6.4.
constexpr double kSlaneyHzPerMel = 200.0 / 3.0;
const double kSlaneyLogStep = std::log(6.4) / 27.0;

double hz_to_mel(double hz, bool slaney) {
  if (!slaney) return 2595.0 * std::log10(1.0 + hz / 700.0);
  return hz < 1000.0 ? hz / kSlaneyHzPerMel : 15.0 + std::log(hz / 1000.0) / kSlaneyLogStep;
}

double mel_to_hz(double mel, bool slaney) {
  if (!slaney) return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0);
  return mel < 15.0 ? mel * kSlaneyHzPerMel : 1000.0 * std::exp(kSlaneyLogStep * (mel - 15.0));
}

}  // namespace

std::vector<double> mel_frequencies(const FeatureConfig& c) {
  const double low = hz_to_mel(c.f_min, c.slaney_scale), high = hz_to_mel(c.f_max, c.slaney_scale);
  std::vector<double> result;
  for (int i = 0; i < c.n_mels + 2; ++i)
    result.push_back(mel_to_hz(low + (high - low) * i / (c.n_mels + 1), c.slaney_scale));
  return result;
}

MelStream::MelStream(const FeatureConfig& c)
    : config_(c),
      padding_(mel_padding(c)),
      window_end_(c.n_fft - padding_),
      transform_(c.n_fft),
      windowed_(c.n_fft),
      magnitudes_(c.n_fft / 2 + 1),
      ring_(static_cast<std::size_t>(2) * c.n_fft + c.hop_length +
            1) {  // a window, a hop, and the reflection at the end
  for (int n = 0; n < c.n_fft; ++n) window_.push_back(0.5 - 0.5 * std::cos(kTurn * n / c.n_fft));
  make_bands();
}

// Triangles of unit peak, or unit area.
void MelStream::make_bands() {
  const std::vector<double> edges = mel_frequencies(config_);
  const int bins = config_.n_fft / 2 + 1;
  for (int band = 0; band < config_.n_mels; ++band) {
    const double from = edges[band], peak = edges[band + 1], to = edges[band + 2];
    Band result{0, {}};
    for (int bin = 0; bin < bins; ++bin) {
      const double hz = bins == 1 ? 0.0 : config_.sample_rate / 2.0 * bin / (bins - 1);
      const double weight = std::min((hz - from) / (peak - from), (to - hz) / (to - peak));
      if (!(weight > 0.0)) continue;
      if (result.weights.empty()) result.first = bin;
      result.weights.push_back(config_.unit_area ? weight * (2.0 / (to - from)) : weight);
    }
    bands_.push_back(std::move(result));
  }
}

void MelStream::reset() {
  samples_ = frames_ = 0;
  ended_ = false;
}

std::int64_t MelStream::push(const float* audio, std::int64_t samples, float* mel) {
  const std::int64_t before = frames_;
  for (std::int64_t i = 0; i < samples; ++i) {
    ring_[samples_ % ring_.size()] = audio[i];
    ++samples_;
    if (frames_after(samples_) == frames_) continue;
    write_frame(mel + (frames_ - before) * config_.n_mels);
    ++frames_;
  }
  return frames_ - before;
}

std::int64_t MelStream::flush(float* mel) {
  const std::int64_t before = frames_, all = frames_of(samples_);
  ended_ = true;
  for (; frames_ < all; ++frames_) write_frame(mel + (frames_ - before) * config_.n_mels);
  return frames_ - before;
}

double MelStream::sample(std::int64_t i) const {
  if (i < 0 || i >= samples_) {
    if (!config_.centred) return 0.0;
    // Before the end is known, the only mirrored sample that may not have come yet is that of the
    // first place in the first window, where the window is 0.
    if (!ended_ && -i >= samples_) return 0.0;
    i = ended_ ? reflect(i, samples_) : -i;
  }
  return ring_[i % ring_.size()];
}

void MelStream::write_frame(float* mel) {
  const std::int64_t first = frames_ * config_.hop_length - padding_;
  for (int n = 0; n < config_.n_fft; ++n) windowed_[n] = window_[n] * sample(first + n);
  transform_.run(windowed_.data(), magnitudes_.data());
  for (int band = 0; band < config_.n_mels; ++band) {
    const Band& b = bands_[band];
    double sum = 0.0;
    for (std::size_t k = 0; k < b.weights.size(); ++k)
      sum += b.weights[k] * magnitudes_[b.first + k];
    mel[band] = static_cast<float>(std::log(std::max(sum, config_.log_floor)));
  }
}

}  // namespace wavehax
