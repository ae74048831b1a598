#include "stft.h"

#include <algorithm>
#include <cmath>

namespace wavehax {

Stft::Stft(int n_fft, int hop) : hop_(hop), fft_(n_fft), window_(n_fft) {
  for (int n = 0; n < n_fft; ++n)
    window_[n] = static_cast<float>(0.5 - 0.5 * std::cos(2.0 * 3.141592653589793 * n / n_fft));
}

double Stft::window_energy() const {
  double energy = 0.0;
  for (const float w : window_) energy += static_cast<double>(w) * w;
  return energy;
}

std::int64_t Stft::complete(std::int64_t samples) const {
  const std::int64_t room = samples + margin() - n_fft();
  return room < 0 ? 0 : room / hop_ + 1;
}

void Stft::forward(const SampleBuffer& samples, std::int64_t t, float* re, float* im, float* scratch) const {
  samples.copy(t * hop_ - margin(), n_fft(), scratch);
  for (int n = 0; n < n_fft(); ++n) scratch[n] *= window_[n];
  fft_.forward(scratch, re, im, scratch + n_fft());
}

void Stft::inverse(const float* re, const float* im, float* samples, float* scratch) const {
  fft_.inverse(re, im, samples, scratch);
  for (int n = 0; n < n_fft(); ++n) samples[n] *= window_[n];
}

OverlapAdd::OverlapAdd(const Stft& stft)
    : stft_(&stft), sum_(stft.n_fft()), weight_(stft.n_fft()), squared_window_(stft.n_fft()) {
  for (int n = 0; n < stft.n_fft(); ++n) squared_window_[n] = stft.window()[n] * stft.window()[n];
}

void OverlapAdd::reset() {
  std::fill(sum_.begin(), sum_.end(), 0.0f);
  std::fill(weight_.begin(), weight_.end(), 0.0f);
  frames_ = 0;
}

void OverlapAdd::add(const float* re, const float* im, SampleBuffer& out, float* scratch) {
  stft_->inverse(re, im, scratch, scratch + stft_->n_fft());
  for (int n = 0; n < stft_->n_fft(); ++n) {
    sum_[n] += scratch[n];
    weight_[n] += squared_window_[n];
  }
  ++frames_;
  emit(stft_->hop(), out);
  const int hop = stft_->hop();
  std::copy(sum_.begin() + hop, sum_.end(), sum_.begin());
  std::copy(weight_.begin() + hop, weight_.end(), weight_.begin());
  std::fill(sum_.end() - hop, sum_.end(), 0.0f);
  std::fill(weight_.end() - hop, weight_.end(), 0.0f);
}

void OverlapAdd::finish(SampleBuffer& out) {
  if (frames_ > 0) {
    ++frames_;  // the hop that would begin where the last frame's end is not followed by another
    emit(stft_->margin(), out);
  }
  out.finish();
}

// The first `count` samples held; those before the utterance are dropped.
void OverlapAdd::emit(std::int64_t count, SampleBuffer& out) {
  const std::int64_t start = (frames_ - 1) * stft_->hop() - stft_->margin(), skip = start < 0 ? std::min(-start, count) : 0;
  float* to = out.extend(count - skip);
  for (std::int64_t n = skip; n < count; ++n) to[n - skip] = sum_[n] / weight_[n];
}

}  // namespace wavehax
