#include "revoice.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "../model/inputs.h"

namespace wavehax {
namespace {

const Model& checked(const Model& model) {
  if (!model.engine->streamable)
    throw std::invalid_argument(
        "model cannot stream: its norm 'utterance' needs the whole utterance");
  if (!model.f0) throw std::invalid_argument("model does not predict F0: expected one that does");
  return model;
}

}  // namespace

void check_pitch(const Pitch& pitch, const F0Predictor& predictor) {
  if (!(std::isfinite(pitch.scale) && pitch.scale > 0.0f))
    throw std::invalid_argument("f0Scale: expected a finite number, more than 0");
  if (pitch.fixed != 0.0f && !(std::isfinite(pitch.fixed) && pitch.fixed >= kMinF0))
    throw std::invalid_argument("monotone: expected at least 1 Hz");
  const F0Config& c = predictor.config;
  const double low = pitch.fixed != 0.0f ? pitch.fixed : c.f0_min;
  const double high = pitch.fixed != 0.0f
                          ? pitch.fixed
                          : c.f0_min * std::exp2((c.num_bins - 1) * c.bin_cents / 1200.0);
  if (low * pitch.scale < kMinF0 || !std::isfinite(static_cast<float>(high * pitch.scale)))
    throw std::invalid_argument("f0Scale: out of range for F0 from " +
                                std::to_string(std::lround(low)) + " to " +
                                std::to_string(std::lround(high)) + " Hz");
}

Revoice::Revoice(const Model& model, std::uint64_t seed)
    : mel_(checked(model).features),
      f0_(model.f0),
      flattener_(model.features),
      voice_(model.engine, Stream::kTile),
      f0s_(std::max<std::int64_t>(Stream::kTile, mel_.frames_of(model.features.n_fft) + 1)) {
  frames_.resize(f0s_.size() * model.features.n_mels);
  voice_.reset(seed);
}

std::int64_t Revoice::push(const float* audio, std::int64_t samples, float* out) {
  const std::int64_t piece =
      std::int64_t{mel_.config().hop_length} * (Stream::kTile - 1);  // at most a tile of frames
  std::int64_t written = 0;
  for (std::int64_t first = 0; first < samples; first += piece) {
    const std::int64_t count = std::min(piece, samples - first);
    written += run(mel_.push(audio + first, count, frames_.data()), out + written);
  }
  return written;
}

std::int64_t Revoice::flush(float* out) {
  const std::int64_t written = run(mel_.flush(frames_.data()), out);
  return written + voice_.flush(nullptr, out + written);
}

std::int64_t Revoice::run(std::int64_t frames, float* out) {
  const int n_mels = mel_.config().n_mels;
  const MelView mel{frames_.data(), 1, n_mels};
  f0_.push(mel, frames, f0s_.data());
  for (std::int64_t t = 0; t < frames; ++t) {
    if (pitch_.changes()) flattener_.flatten(frames_.data() + t * n_mels, f0s_[t]);
    f0s_[t] = pitch_.of(f0s_[t]);
  }
  return voice_.push(mel, f0s_.data(), frames, nullptr, out);
}

Live::Live(const Model& model, std::uint64_t seed, int block)
    : revoice_(model, seed), input_(block), output_(block) {
  std::int64_t burst = 0;  // most samples that one block completes
  const std::int64_t cycle =
      revoice_.delay() / block + 2 + revoice_.hop_length();  // blocks, until the pattern repeats
  for (std::int64_t n = 1; n <= cycle; ++n) {
    const std::int64_t made = revoice_.samples_after(n * block);
    delay_ = static_cast<int>(std::max<std::int64_t>(delay_, n * block - made));
    burst = std::max(burst, made - revoice_.samples_after((n - 1) * block));
  }
  made_.resize(static_cast<std::size_t>(burst));
  ring_.resize(static_cast<std::size_t>(delay_ + burst + block));
  written_ = delay_;
}

void Live::process() {
  put(made_.data(),
      revoice_.push(input_.data(), static_cast<std::int64_t>(input_.size()), made_.data()));
  take();
}

void Live::put(const float* samples, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) ring_[(written_ + i) % ring_.size()] = samples[i];
  written_ += count;
}

void Live::take() {
  const auto block = static_cast<std::int64_t>(output_.size());
  if (written_ - read_ < block) {
    ++underruns_;
    std::fill(output_.begin(), output_.end(), 0.0f);
    return;
  }
  for (std::int64_t i = 0; i < block; ++i) output_[i] = ring_[(read_ + i) % ring_.size()];
  read_ += block;
}

}  // namespace wavehax
