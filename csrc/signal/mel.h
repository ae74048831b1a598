// The log-mel of sound, whole or as it comes: wavehax/mel/features.py and stream.py in the same
// order, in float64 as there.
#pragma once

#include <cstdint>
#include <vector>

#include "magnitudes.h"

namespace wavehax {

// Fields as in wavehax.config.FeatureConfig, which explains them.
struct FeatureConfig {
  int sample_rate, hop_length, n_fft, n_mels;
  double f_min, f_max, log_floor;
  bool slaney_scale;  // mel_scale "slaney", else "htk"
  bool unit_area;     // mel_norm "slaney", else "none"
  bool centred;       // padding "centre", else "same"
};

// Edges and centres in Hz, [n_mels + 2]: band i rises from [i] to its peak at [i + 1] and falls to
// [i + 2].
std::vector<double> mel_frequencies(const FeatureConfig& config);

// Returns the number of frames in the mel of a whole recording of `samples`.
inline std::int64_t mel_frames(const FeatureConfig& c, std::int64_t samples) {
  return samples == 0 ? 0 : samples / c.hop_length + c.centred;
}

// Returns the number of samples before the start of a recording that the first window covers.
inline int mel_padding(const FeatureConfig& c) {
  return c.centred ? c.n_fft / 2 : (c.n_fft - c.hop_length) / 2;
}

// Samples by which a stream of mels lags: N of them give max(0, N - delay) / hop_length frames.
inline int mel_delay(const FeatureConfig& c) { return c.n_fft - mel_padding(c) - c.hop_length; }

// One recording, in pieces of any size. After construction no method allocates, locks or throws.
class MelStream {
 public:
  explicit MelStream(const FeatureConfig& config);

  const FeatureConfig& config() const { return config_; }
  int delay() const { return mel_delay(config_); }
  void reset();

  // Frames that `samples` samples complete, from the start of a recording on.
  std::int64_t frames_after(std::int64_t samples) const {
    return samples < window_end_ ? 0 : (samples - window_end_) / config_.hop_length + 1;
  }
  std::int64_t frames_of(std::int64_t samples) const { return mel_frames(config_, samples); }
  std::int64_t pending_push(std::int64_t samples) const {
    return frames_after(samples_ + samples) - frames_;
  }
  std::int64_t pending_flush() const { return frames_of(samples_) - frames_; }

  // Takes finite samples and writes the frames that they complete, [frames][n_mels]; returns their
  // number.
  std::int64_t push(const float* audio, std::int64_t samples, float* mel);
  // Ends the recording and writes the frames still owed. Only reset may follow.
  std::int64_t flush(float* mel);

 private:
  struct Band {
    int first;  // bin
    std::vector<double> weights;
  };

  void make_bands();
  double sample(std::int64_t i) const;  // or what the padding puts in its place
  void write_frame(float* mel);

  FeatureConfig config_;
  int padding_;     // samples before the first one that the first window holds
  int window_end_;  // samples that the first window needs
  MagnitudeTransform transform_;
  std::vector<double> window_, windowed_, magnitudes_;
  std::vector<Band> bands_;
  std::vector<float> ring_;  // the last samples
  std::int64_t samples_ = 0, frames_ = 0;
  bool ended_ = false;
};

}  // namespace wavehax
