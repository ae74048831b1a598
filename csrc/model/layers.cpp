#include "layers.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace wavehax {
namespace {

constexpr double kNormEpsilon = 1e-6;

Floats padded_copy(const float* values, int count) {
  Floats result(padded(count));
  std::copy(values, values + count, result.begin());
  return result;
}

}  // namespace

std::uint32_t to_bf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

void Moments::add(const Moments& other) {
  const double total = count + other.count, step = other.mean - mean;
  squares += other.squares + step * step * count * other.count / total;
  mean += step * other.count / total;
  count = total;
}

Norm::Norm(Weights& weights, const std::string& name, NormKind kind_, int channels_)
    : kind(kind_),
      channels(channels_),
      gain(padded_copy(weights.take(name + ".weight", {channels_}), channels_)),
      bias(padded_copy(weights.take(name + ".bias", {channels_}), channels_)),
      mask(padded(channels_)) {
  std::fill_n(mask.begin(), channels, 1.0f);
  if (kind != NormKind::kBatch) return;
  const float* mean = weights.take(name + ".running_mean", {channels});
  const float* variance = weights.take(name + ".running_var", {channels});
  scale.resize(padded(channels));
  shift.resize(padded(channels));
  for (int c = 0; c < channels; ++c) {
    const double s = gain[c] / std::sqrt(variance[c] + kNormEpsilon);
    scale[c] = static_cast<float>(s);
    shift[c] = static_cast<float>(bias[c] - mean[c] * s);
  }
}

Moments Norm::measure(const Kernels& kernels, const float* frame, int bins) const {
  const int width = padded(channels);
  const double count = static_cast<double>(bins) * channels, mean = kernels.sum(frame, bins, width) / count;
  return {count, mean, kernels.sum_squares(frame, static_cast<float>(mean), mask.data(), bins, width)};
}

void Norm::apply_moments(const Moments& moments, float* scale_out, float* shift_out) const {
  const double inverse = 1.0 / std::sqrt(moments.squares / moments.count + kNormEpsilon);
  for (int c = 0; c < padded(channels); ++c) {
    scale_out[c] = static_cast<float>(gain[c] * inverse);
    shift_out[c] = static_cast<float>(bias[c] - moments.mean * gain[c] * inverse);
  }
}

Projection::Projection(const float* w, const float* b, int outputs, int inputs_, int taps_, Precision precision)
    : taps(taps_), inputs(inputs_), columns(padded(outputs)), bias(columns) {
  if (b != nullptr) std::copy_n(b, outputs, bias.begin());
  const auto value = [&](int n, int j, int k) {
    return n < outputs && k < inputs ? w[(static_cast<std::size_t>(n) * inputs + k) * taps + j] : 0.0f;
  };
  for (int first = 0; first < columns; first += kPanelWidth) {
    const int last = std::min(first + kPanelWidth, columns);
    for (int j = 0; j < taps; ++j)
      for (int k = 0; k < inputs; k += precision == Precision::kFp32 ? 1 : 2)
        for (int n = first; n < last; ++n) {
          if (precision == Precision::kFp32)
            weight.push_back(value(n, j, k));
          else
            pairs.push_back(to_bf16(value(n, j, k)) | to_bf16(value(n, j, k + 1)) << 16);
        }
  }
}

Projection::Projection(Weights& weights, const std::string& name, int outputs, int inputs_, int taps_, Precision precision)
    : Projection(weights.take(name + ".weight", {outputs, inputs_, taps_}), weights.take(name + ".bias", {outputs}), outputs,
                 inputs_, taps_, precision) {}

void Projection::run(const Kernels& kernels, const float* const* rows, int count, float* const* outputs) const {
  run_from(bias.data(), kernels, rows, count, outputs);
}

void Projection::add(const Kernels& kernels, const float* const* rows, int count, float* const* outputs) const {
  run_from(nullptr, kernels, rows, count, outputs);
}

void Projection::run_from(const float* start, const Kernels& kernels, const float* const* rows, int count,
                          float* const* outputs) const {
  if (pairs.empty())
    kernels.project(rows, count, taps, inputs, weight.data(), start, columns, outputs);
  else
    kernels.project_bf16(rows, count, taps, inputs + inputs % 2, pairs.data(), start, columns, outputs);
}

void fold(const float* scale, const float* shift, int channels, int outputs, int channel_stride, int output_stride,
          const float* weight, const float* bias, float* folded, float* folded_bias) {
  std::copy(bias, bias + outputs, folded_bias);
  for (int c = 0; c < channels; ++c)
    for (int j = 0; j < outputs; ++j) {
      const int at = c * channel_stride + j * output_stride;
      folded_bias[j] += weight[at] * shift[c];
      folded[at] = weight[at] * scale[c];
    }
}

InputLayer::InputLayer(Weights& weights, int planes, int channels, NormKind norm_kind)
    : norm(weights, "input_norm", norm_kind, channels), weight(planes * padded(channels)), bias(padded(channels)) {
  const float* w = weights.take("input_proj.weight", {channels, planes});
  const int width = padded(channels);
  const bool folded = norm_kind == NormKind::kBatch;
  for (int c = 0; c < channels; ++c) {
    for (int i = 0; i < planes; ++i) weight[i * width + c] = w[c * planes + i] * (folded ? norm.scale[c] : 1.0f);
    bias[c] = folded ? norm.shift[c] : 0.0f;
  }
}

Block::Block(Weights& weights, const std::string& name, NormKind norm_kind, const BlockSize& size_)
    : size(size_),
      dwconv(static_cast<std::size_t>(size.kernel_frames) * size.kernel_bins * padded(size.channels)),
      norm(weights, name + ".norm", norm_kind, size.channels),
      weight1(static_cast<std::size_t>(size.channels) * padded(size.expanded)),
      bias1(padded_copy(weights.take(name + ".pwconv1.bias", {size.expanded}), size.expanded)),
      weight2(static_cast<std::size_t>(padded(size.expanded)) * padded(size.channels)),
      bias2(padded(size.channels)) {
  const int channels = size.channels, taps = size.kernel_bins, frames = size.kernel_frames;
  const int width = padded(channels), expanded = padded(size.expanded);
  const float* dw = weights.take(name + ".dwconv.weight", {channels, 1, taps, frames});
  const float* w1 = weights.take(name + ".pwconv1.weight", {size.expanded, channels});
  const float* w2 = weights.take(name + ".pwconv2.weight", {channels, size.expanded});
  const float* b2 = weights.take(name + ".pwconv2.bias", {channels});
  const float* gamma = weights.take(name + ".gamma", {channels});
  for (int c = 0; c < channels; ++c) {
    for (int i = 0; i < taps; ++i)
      for (int j = 0; j < frames; ++j) dwconv[(j * taps + i) * width + c] = dw[(c * taps + i) * frames + j];
    for (int e = 0; e < size.expanded; ++e) {
      weight1[c * expanded + e] = w1[e * channels + c];
      weight2[e * width + c] = w2[c * size.expanded + e] * gamma[c];
    }
    bias2[c] = b2[c] * gamma[c];
  }
  if (norm_kind != NormKind::kBatch) return;
  const Floats unfolded = bias1;
  fold(norm.scale.data(), norm.shift.data(), channels, expanded, expanded, 1, weight1.data(), unfolded.data(), weight1.data(),
       bias1.data());
}

OutputLayer::OutputLayer(Weights& weights, int planes, int channels, NormKind norm_kind)
    : norm(weights, "output_norm", norm_kind, channels), weight(planes * padded(channels)), bias(padded(planes)) {
  const float* w = weights.take("output_proj.weight", {planes, channels});
  const float* b = weights.take("output_proj.bias", {planes});
  const int width = padded(channels);
  for (int i = 0; i < planes; ++i) {
    std::copy(w + i * channels, w + (i + 1) * channels, weight.begin() + i * width);
    bias[i] = b[i];
  }
  if (norm_kind != NormKind::kBatch) return;
  const Floats unfolded = bias;
  fold(norm.scale.data(), norm.shift.data(), channels, planes, 1, width, weight.data(), unfolded.data(), weight.data(),
       bias.data());
}

}  // namespace wavehax
