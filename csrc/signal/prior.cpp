#include "prior.h"

#include <algorithm>
#include <cmath>

namespace wavehax {
namespace {

constexpr double kPi = 3.141592653589793;
constexpr int kOversampling = 8;
// Cycles added before the sawtooth's jump is placed: a period of a whole number of samples must not leave it to rounding.
constexpr double kJumpOffset = 1e-9;
// Half length, in oversampled samples, of the decimation filter: 15 zero crossings of a cutoff at 0.99 of the Nyquist frequency.
constexpr int kFilterReach = 121;

double noise_std(PriorKind kind) { return kNoiseStd[static_cast<int>(kind)]; }

// In cycles, within [-0.5, 0.5).
double cycles(std::uint64_t phase) { return static_cast<double>(static_cast<std::int64_t>(phase)) * 0x1p-64; }

// sin(2 pi cycles) in float32, after an exact reduction in double.
float sin_cycles(double cycles) { return std::sin(static_cast<float>(2.0 * kPi * (cycles - std::nearbyint(cycles)))); }

// sum over k = 1 .. count of sin(2 pi k phase), closed form; phase in cycles within [-0.5, 0.5].
float sine_sum(double phase, double count) {
  if (std::fabs(phase) < 1e-12) return 0.0f;  // less than count^2 * 1e-11 is lost; F0 of 1 Hz and more has count < 1e5
  return sin_cycles(0.5 * count * phase) * sin_cycles(0.5 * (count + 1.0) * phase) / sin_cycles(0.5 * phase);
}

// The same of k sin(2 pi k phase). The two terms cancel towards phase 0, hence double: the error is 1e-16 * count / phase.
double weighted_sine_sum(double phase, double count) {
  if (std::fabs(phase) < 1e-9) return 0.0;  // the rounding error would pass the value, which is below 1e-8 * count^3
  const double middle = count + 0.5, half = kPi * phase, angle = 2.0 * middle * half;
  const double sine = std::sin(half);
  return (0.5 * std::sin(angle) * std::cos(half) - middle * std::cos(angle) * sine) / (2.0 * sine * sine);
}

// Low-pass of the decimation: windowed sinc at 0.99 of the Nyquist frequency, squared-cosine window of 15 zero crossings.
Floats decimation_filter() {
  Floats filter(2 * kFilterReach + 1);
  for (int i = -kFilterReach; i <= kFilterReach; ++i) {
    const double t = 0.99 * i / kOversampling, window = std::cos(kPi * t / 30.0);
    const double sinc = i == 0 ? 1.0 : std::sin(kPi * t) / (kPi * t);
    filter[i + kFilterReach] = static_cast<float>(sinc * window * window * 0.99 / kOversampling);
  }
  return filter;
}

}  // namespace

double prior_rms(PriorKind kind) { return kPriorRms[static_cast<int>(kind)]; }

int Prior::lag(PriorKind kind) {
  return kind == PriorKind::kSawtooth ? kFilterReach / kOversampling : 0;
}

Prior::Prior(const Kernels& kernels, PriorKind kind, int hop_length, int sample_rate, bool raise_noise)
    : kernels_(&kernels),
      kind_(kind),
      hop_length_(hop_length),
      sample_rate_(sample_rate),
      raise_noise_(raise_noise),
      noise_(kernels, 0) {
  if (kind != PriorKind::kSawtooth) return;
  base_ = SampleBuffer(hop_length + 2 * lag(kind));
  oversampled_ = SampleBuffer(kOversampling * (hop_length + 2 * lag(kind)) + 2 * kFilterReach);
  filter_ = decimation_filter();
}

void Prior::reset(std::uint64_t seed, bool noise) {
  noise_ = Noise(*kernels_, seed);
  noise_on_ = noise;
  phase_ = noise ? static_cast<std::uint64_t>(noise_.phase()) << 32 : 0;
  skipped_ = count_ = 0;
  base_.reset();
  oversampled_.reset();
}

// F0 in cycles a sample, of which whole ones do not matter.
std::uint64_t Prior::phase_step(float f0) const {
  const double whole = static_cast<double>(f0) / sample_rate_, fraction = whole - std::floor(whole);
  return fraction < 1.0 ? static_cast<std::uint64_t>(fraction * 0x1p64) : 0;
}

std::uint64_t Prior::frame_advance(float f0) const {
  const std::uint64_t oversampling = kind_ == PriorKind::kSawtooth ? kOversampling : 1;
  return hop_length_ * oversampling * (phase_step(f0) / oversampling);
}

void Prior::skip(float f0) {
  phase_ += frame_advance(f0);
  skipped_ += hop_length_;
}

void Prior::push(float f0, SampleBuffer& out) {
  const bool voiced = f0 > 0.0f;
  float* base = kind_ == PriorKind::kSawtooth ? base_.extend(hop_length_) : out.extend(hop_length_);
  if (noise_on_) {
    noise_.normal(skipped_ + count_, hop_length_, base);
    const auto deviation = static_cast<float>(raise_noise_ && !voiced ? prior_rms(kind_) : noise_std(kind_));
    for (int n = 0; n < hop_length_; ++n) base[n] *= deviation;
  } else {
    for (int n = 0; n < hop_length_; ++n) base[n] = 0.0f;
  }
  count_ += hop_length_;
  if (kind_ == PriorKind::kSawtooth)
    push_sawtooth(f0, out);
  else if (voiced && kind_ != PriorKind::kNoise)
    add_harmonics(f0, base);
  phase_ += frame_advance(f0);
}

void Prior::add_harmonics(float f0, float* out) {
  const double slope = 2.0 * static_cast<double>(f0) / sample_rate_;  // F0 over the Nyquist frequency
  const double count = std::floor(0.5 * sample_rate_ / static_cast<double>(f0));
  const std::uint64_t step = phase_step(f0);
  // Power of amplitudes 1 - k * slope, with the harmonics counted as 1 / slope, as the authors do.
  const double sum = count * (count + 1.0) / 2.0, squares = sum * (2.0 * count + 1.0) / 3.0;
  const double power = slope * slope * squares - 2.0 * slope * sum + 1.0 / slope;
  const double rms = prior_rms(kind_);
  const double decay = power > 0.0 ? rms * std::sqrt(2.0 / power) : 0.0;  // else one harmonic, just at the Nyquist frequency
  if (kind_ == PriorKind::kPcph)
    add_pcph(step, static_cast<std::uint64_t>(std::min(count, 0x1p31)), static_cast<float>(rms * std::sqrt(2.0 * slope)), out);
  for (int n = 0; n < hop_length_ && kind_ != PriorKind::kPcph; ++n) {
    const double phase = cycles(phase_ + (n + 1) * step);
    if (kind_ == PriorKind::kSine)
      out[n] += sin_cycles(phase);
    else
      out[n] += static_cast<float>(decay * (sine_sum(phase, count) - slope * weighted_sine_sum(phase, count)));
  }
}

// sum over k = 1 .. count of sin(2 pi k p) = sin(2 pi count h) sin(2 pi (count + 1) h) / sin(2 pi h), h = p / 2 within a
// quarter cycle: multiples of h are taken in 64-bit integers, exactly; of each 32 bits reach the sine, an error of 1.5e-9.
void Prior::add_pcph(std::uint64_t step, std::uint64_t count, float amplitude, float* out) const {
  constexpr int kTile = 4 * kLane;
  alignas(64) std::int32_t a[kTile], b[kTile], c[kTile];
  alignas(64) float sums[kTile];
  for (int first = 0; first < hop_length_; first += kTile) {
    for (int n = 0; n < kTile; ++n) {
      const auto half = static_cast<std::uint64_t>(static_cast<std::int64_t>(phase_ + (first + n + 1) * step) >> 1);
      a[n] = static_cast<std::int32_t>(count * half >> 32);
      b[n] = static_cast<std::int32_t>((count + 1) * half >> 32);
      c[n] = static_cast<std::int32_t>(half >> 32);
    }
    const int used = std::min(kTile, hop_length_ - first);
    kernels_->sine_ratios(a, b, c, amplitude, padded(used), sums);
    for (int n = 0; n < used; ++n) out[first + n] += sums[n];
  }
}

void Prior::push_sawtooth(float f0, SampleBuffer& out) {
  const std::uint64_t step = phase_step(f0) / kOversampling;
  float* x = oversampled_.extend(static_cast<std::int64_t>(kOversampling) * hop_length_);
  for (int n = 0; n < kOversampling * hop_length_; ++n) {
    const double shifted = cycles(phase_ + (n + 1) * step) + kJumpOffset;
    x[n] = f0 > 0.0f ? static_cast<float>(2.0 * (shifted - std::floor(shifted)) - 1.0) : 0.0f;
  }
  decimate(count_ - lag(kind_), out);
}

void Prior::finish(SampleBuffer& out) {
  if (kind_ == PriorKind::kSawtooth) decimate(count_, out);
  out.finish();
}

// Low-passed samples out.end() .. until, with zeros outside the utterance.
void Prior::decimate(std::int64_t until, SampleBuffer& out) {
  for (std::int64_t n = out.end(); n < until; ++n) {
    float window[2 * kFilterReach + 1], sum = 0.0f;
    oversampled_.copy(kOversampling * n - kFilterReach, 2 * kFilterReach + 1, window);
    for (int i = 0; i <= 2 * kFilterReach; ++i) sum += window[i] * filter_[i];
    *out.extend(1) = *base_.from(n) + sum;
  }
  base_.drop(out.end());
  oversampled_.drop(kOversampling * out.end() - kFilterReach);
}

}  // namespace wavehax
