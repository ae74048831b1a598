// Layers as the engine holds them: packed for the kernels, norms of the `batch` kind folded away. Same names and order as
// nn/layers.py and nn/generator.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../kernels/table.h"
#include "../signal/buffers.h"
#include "config.h"
#include "weights.h"

namespace wavehax {

// bf16: the weights of the projections, which are most of a model, are bfloat16: a stream of single frames waits for them.
// mixed: the factors of projections and blocks are, inputs too. All else, and every sum, is float32.
enum class Precision { kFp32, kBf16, kMixed };

// The nearest bfloat16, ties to even.
std::uint32_t to_bf16(float value);

// Number, mean and sum of squared deviations of values.
struct Moments {
  double count = 0.0, mean = 0.0, squares = 0.0;
  void add(const Moments& other);
};

// A norm is always applied as scale and shift per channel: known from the start (batch), or measured.
struct Norm {
  Norm(Weights& weights, const std::string& name, NormKind kind, int channels);

  NormKind kind;
  int channels;
  Floats gain, bias;    // [padded channels]
  Floats mask;          // 1 where a channel is not padding
  Floats scale, shift;  // batch only

  // Of all channels and bins of a frame.
  Moments measure(const Kernels& kernels, const float* frame, int bins) const;
  // Scale and shift, [padded channels], that bring values of these moments to gain and bias.
  void apply_moments(const Moments& moments, float* scale, float* shift) const;
};

// Conv1d over time with bins as channels, packed for Kernels::project. A generator keeps its own tap by tap (by_tap).
struct Projection {
  // weight: [outputs][inputs][taps]; bias: [outputs] or null
  Projection(const float* weight, const float* bias, int outputs, int inputs, int taps, Precision precision);
  Projection(const float* weight, const float* bias, int outputs, int inputs, Precision precision)  // of one tap
      : Projection(weight, bias, outputs, inputs, 1, precision) {}
  Projection(Weights& weights, const std::string& name, int outputs, int inputs, int taps, Precision precision);

  int taps, inputs, columns;  // columns: outputs, padded
  Floats weight, bias;
  Aligned<Bf16Pair> pairs;  // in place of `weight`

  // In bf16 a row of an odd number of inputs is followed by a finite value.
  void run(const Kernels& kernels, const float* const* rows, int count, float* const* outputs) const;
  // The same on top of what `outputs` hold, without the bias.
  void add(const Kernels& kernels, const float* const* rows, int count, float* const* outputs) const;

 private:
  void run_from(const float* start, const Kernels& kernels, const float* const* rows, int count,
                float* const* outputs) const;
};

// A convolution over time as one product for each tap, of which the first has the bias: P is Projection or TileProjection.
// Added in their order they give the same bits as all at once.
template <typename P, typename... Options>
std::vector<P> by_tap(Weights& weights, const std::string& name, int outputs, int inputs, int taps, Options... options) {
  const float* weight = weights.take(name + ".weight", {outputs, inputs, taps});
  const float* bias = weights.take(name + ".bias", {outputs});
  std::vector<float> of_tap(static_cast<std::size_t>(outputs) * inputs);
  std::vector<P> result;
  for (int j = 0; j < taps; ++j) {
    for (std::size_t i = 0; i < of_tap.size(); ++i) of_tap[i] = weight[i * taps + j];
    result.emplace_back(of_tap.data(), j == 0 ? bias : nullptr, outputs, inputs, options...);
  }
  return result;
}

// 1x1 convolution from planes to channels, and the norm after it.
struct InputLayer {
  InputLayer(Weights& weights, int planes, int channels, NormKind norm_kind);

  Norm norm;
  Floats weight, bias;  // [planes][padded channels], [padded channels]
};

struct BlockSize {
  int channels, expanded, kernel_bins, kernel_frames, bins;
};

// ConvNeXt block; gamma is folded into the last product.
struct Block {
  Block(Weights& weights, const std::string& name, NormKind norm_kind, const BlockSize& size);

  BlockSize size;
  Floats dwconv;  // [frames][taps][padded channels]
  Norm norm;
  Floats weight1, bias1;  // [channels][padded expanded]
  Floats weight2, bias2;  // [padded expanded][padded channels]

  BlockShape shape() const {
    return {size.kernel_frames, size.kernel_bins, size.bins, padded(size.channels), size.channels, padded(size.expanded),
            size.expanded};
  }
  BlockWeights weights() const { return {dwconv.data(), weight1.data(), bias1.data(), weight2.data(), bias2.data()}; }
};

// The norm after the blocks and the 1x1 convolution from channels to planes.
struct OutputLayer {
  OutputLayer(Weights& weights, int planes, int channels, NormKind norm_kind);

  Norm norm;
  Floats weight, bias;  // [planes][padded channels], [planes]
};

// A product whose input was normalised, as a product of the input itself:
// folded(c, j) = weight(c, j) * scale[c], folded_bias[j] = bias[j] + sum over c of weight(c, j) * shift[c].
// weight(c, j) lies at c * channel_stride + j * output_stride; `folded` may be `weight`.
void fold(const float* scale, const float* shift, int channels, int outputs, int channel_stride, int output_stride,
          const float* weight, const float* bias, float* folded, float* folded_bias);

}  // namespace wavehax
