#include "layers.h"

#include <algorithm>
#include <cmath>

namespace wavehax {
namespace {

constexpr double kNormEpsilon = 1e-6;

Floats padded_copy(const float* values, int count) {
  Floats result(padded(count));
  std::copy(values, values + count, result.begin());
  return result;
}

}  // namespace

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

void Norm::measure(const Kernels& kernels, const float* const* frames, int count, int bins, float* scale_out,
                   float* shift_out) const {
  const int width = padded(channels);
  const double values = static_cast<double>(count) * bins * channels;
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < count; ++i) sum += kernels.sum(frames[i], bins, width);
  const double mean = sum / values;
  for (int i = 0; i < count; ++i)
    squares += kernels.sum_squares(frames[i], static_cast<float>(mean), mask.data(), bins, width);
  const double inverse = 1.0 / std::sqrt(squares / values + kNormEpsilon);
  for (int c = 0; c < width; ++c) {
    scale_out[c] = static_cast<float>(gain[c] * inverse);
    shift_out[c] = static_cast<float>(bias[c] - mean * gain[c] * inverse);
  }
}

Projection::Projection(Weights& weights, const std::string& name, int outputs, int inputs, int taps_)
    : taps(taps_), depth(inputs), columns(padded(outputs)), weight(static_cast<std::size_t>(columns) * taps_ * inputs) {
  const float* w = weights.take(name + ".weight", {outputs, inputs, taps});  // [outputs][inputs][taps]
  bias = padded_copy(weights.take(name + ".bias", {outputs}), outputs);
  float* to = weight.data();
  for (int first = 0; first < columns; first += kPanelWidth) {
    const int width = std::min(kPanelWidth, columns - first);
    for (int j = 0; j < taps; ++j)
      for (int k = 0; k < depth; ++k)
        for (int n = first; n < first + width; ++n, ++to)
          *to = n < outputs ? w[(static_cast<std::size_t>(n) * depth + k) * taps + j] : 0.0f;
  }
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

Block::Block(Weights& weights, const std::string& name, NormKind norm_kind, int channels, int expanded_, int taps, int frames)
    : expanded(padded(expanded_)),
      dwconv(static_cast<std::size_t>(frames) * taps * padded(channels)),
      norm(weights, name + ".norm", norm_kind, channels),
      weight1(static_cast<std::size_t>(channels) * expanded),
      bias1(padded_copy(weights.take(name + ".pwconv1.bias", {expanded_}), expanded_)),
      weight2(static_cast<std::size_t>(expanded) * padded(channels)),
      bias2(padded(channels)) {
  const int width = padded(channels);
  const float* dw = weights.take(name + ".dwconv.weight", {channels, 1, taps, frames});
  const float* w1 = weights.take(name + ".pwconv1.weight", {expanded_, channels});
  const float* w2 = weights.take(name + ".pwconv2.weight", {channels, expanded_});
  const float* b2 = weights.take(name + ".pwconv2.bias", {channels});
  const float* gamma = weights.take(name + ".gamma", {channels});
  for (int c = 0; c < channels; ++c) {
    for (int i = 0; i < taps; ++i)
      for (int j = 0; j < frames; ++j) dwconv[(j * taps + i) * width + c] = dw[(c * taps + i) * frames + j];
    for (int e = 0; e < expanded_; ++e) {
      weight1[c * expanded + e] = w1[e * channels + c];
      weight2[e * width + c] = w2[c * expanded_ + e] * gamma[c];
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
