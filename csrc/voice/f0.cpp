#include "f0.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

namespace wavehax {
namespace {

// Frames computed together: a product reads its weights once for all of them.
constexpr int kTile = 8;
// Bins to either side of the likeliest one whose mean is F0; wavehax.config.F0_PEAK_BINS.
constexpr int kF0PeakBins = 4;
// The limit in Hz on the highest bin, which f0_min, num_bins and bin_cents of a config give.
constexpr double kHighest = 10'000.0;

void check_within(const char* name, double value, double least, double most) {
  if (least <= value && value <= most) return;
  throw std::invalid_argument("F0 config: " + std::string(name) + ": expected " +
                              std::to_string(std::lround(least)) + " to " +
                              std::to_string(std::lround(most)));
}

}  // namespace

const F0Config& checked(const F0Config& c) {
  check_within("n_mels", c.n_mels, 1, std::numeric_limits<int>::max());
  check_within("channels", c.channels, 1, 4096);
  check_within("num_blocks", c.num_blocks, 1, 10);
  check_within("kernel_size", c.kernel_size, 1, 64);
  check_within("num_bins", c.num_bins, 1, 4096);
  check_within("f0_min", c.f0_min, 1, 1000);
  check_within("bin_cents", c.bin_cents, 1, 1000);
  if (std::log2(c.f0_min) + (c.num_bins - 1) * c.bin_cents / 1200.0 > std::log2(kHighest))
    throw std::invalid_argument("num_bins: expected bins up to 10000 Hz at most");
  return c;
}

F0Predictor::F0Predictor(const F0Config& c, Weights weights, const Kernels& kernels_,
                         double log_floor)
    : kernels(kernels_), config(checked(c)), mel_floor(wavehax::mel_floor(log_floor)) {
  const float* mean = weights.take("mel_mean", {c.n_mels});
  const float* scale = weights.take("mel_scale", {c.n_mels});
  mel_mean.assign(mean, mean + c.n_mels);
  mel_scale.assign(scale, scale + c.n_mels);
  convolutions.emplace_back(weights, "input_proj", c.channels, c.n_mels, c.kernel_size,
                            Precision::kFp32);
  dilations.push_back(1);
  for (int i = 0; i < c.num_blocks; ++i) {
    convolutions.emplace_back(weights, "blocks." + std::to_string(i), c.channels, c.channels,
                              c.kernel_size, Precision::kFp32);
    dilations.push_back(1 << i);
  }
  output_proj = std::make_unique<Projection>(weights, "output_proj", c.num_bins + 1, c.channels, 1,
                                             Precision::kFp32);
  weights.check_all_taken();
}

F0Stream::F0Stream(std::shared_ptr<const F0Predictor> predictor)
    : predictor_(std::move(predictor)) {
  const F0Predictor& p = *predictor_;
  const int mel_row = padded(p.config.n_mels), row = padded(p.config.channels);
  // Each ring holds a tile and the frames that the convolution reading it looks back to. The last
  // one is read by output_proj, which looks at one frame.
  std::vector<std::int64_t> capacities;
  for (int dilation : p.dilations)
    capacities.push_back(kTile + (p.config.kernel_size - 1) * dilation);
  capacities.push_back(kTile);
  std::int64_t size = capacities[0] * mel_row;
  for (std::size_t i = 1; i < capacities.size(); ++i) size += capacities[i] * row;
  ring_storage_.resize(size);
  zeros_.resize(std::max(mel_row, row));
  float* storage = ring_storage_.data();
  for (std::size_t i = 0; i < capacities.size(); ++i) {
    const int width = i == 0 ? mel_row : row;
    rings_.emplace_back(storage, zeros_.data(), width, capacities[i], Border::kZeros);
    storage += capacities[i] * width;
  }
  logits_.resize(kTile * p.output_proj->columns);
  inputs_.resize(kTile * p.config.kernel_size);
  outputs_.resize(kTile);
}

void F0Stream::reset() {
  for (FrameRing& ring : rings_) ring.reset();
}

void F0Stream::push(MelView mel, std::int64_t frames, float* f0) {
  for (std::int64_t first = 0; first < frames; first += kTile) {
    const int count = static_cast<int>(std::min<std::int64_t>(kTile, frames - first));
    take(mel.from(first), count);
    for (std::size_t layer = 0; layer < predictor_->convolutions.size(); ++layer)
      convolve(layer, count);
    decode(count, f0 + first);
  }
}

void F0Stream::take(MelView mel, int count) {
  const F0Predictor& p = *predictor_;
  for (int t = 0; t < count; ++t) {
    float* row = rings_[0].push();
    const float* from = mel.data + t * mel.frame_stride;
    for (int k = 0; k < p.config.n_mels; ++k)
      row[k] = (std::max(from[k * mel.band_stride], p.mel_floor) - p.mel_mean[k]) / p.mel_scale[k];
  }
}

void F0Stream::convolve(std::size_t layer, int count) {
  const F0Predictor& p = *predictor_;
  const Projection& convolution = p.convolutions[layer];
  FrameRing &in = rings_[layer], &out = rings_[layer + 1];
  const std::int64_t first = out.count();
  const int taps = convolution.taps, dilation = p.dilations[layer];
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < taps; ++j)
      inputs_[i * taps + j] = in.at(first + i - (taps - 1 - j) * dilation);
    outputs_[i] = out.push();
  }
  convolution.run(p.kernels, inputs_.data(), count, outputs_.data());
  for (int i = 0; i < count; ++i) {
    p.kernels.gelu(outputs_[i], convolution.columns);
    if (layer == 0) continue;
    const float* residual = in.at(first + i);
    for (int c = 0; c < convolution.columns; ++c) outputs_[i][c] += residual[c];
  }
}

void F0Stream::decode(int count, float* f0) {
  const F0Predictor& p = *predictor_;
  const Projection& proj = *p.output_proj;
  FrameRing& in = rings_.back();
  for (int i = 0; i < count; ++i) {
    inputs_[i] = in.at(in.count() - count + i);
    outputs_[i] = logits_.data() + i * proj.columns;
  }
  proj.run(p.kernels, inputs_.data(), count, outputs_.data());
  for (int i = 0; i < count; ++i)
    f0[i] = outputs_[i][p.config.num_bins] > 0.0f ? peak_f0(outputs_[i]) : 0.0f;
}

// Returns the mean of the bins around the likeliest one, weighted by their probabilities, in Hz.
float F0Stream::peak_f0(const float* logits) const {
  const F0Config& c = predictor_->config;
  const int peak = static_cast<int>(std::max_element(logits, logits + c.num_bins) - logits);
  double sum = 0.0, moment = 0.0;
  for (int bin = std::max(0, peak - kF0PeakBins);
       bin <= std::min(c.num_bins - 1, peak + kF0PeakBins); ++bin) {
    const double weight = std::exp(static_cast<double>(logits[bin]) - logits[peak]);
    sum += weight;
    moment += weight * bin;
  }
  const auto f0 = static_cast<float>(c.f0_min * std::exp2(moment / sum * c.bin_cents / 1200.0));
  // Not finite only if a mel louder than any sound has made the logits overflow.
  return std::isfinite(f0) ? f0 : 0.0f;
}

}  // namespace wavehax
