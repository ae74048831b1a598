// The layers as the engine holds them: packed for the kernels, with batch norms folded into the
// weights. Same names and order as nn/layers.py and nn/generator.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../kernels/table.h"
#include "../signal/buffers.h"
#include "config.h"
#include "weights.h"

namespace wavehax {

// The number format of weights and products. Sums are float32 in all three.
//   fp32    everything is float32.
//   bf16    the weights of the projections are bfloat16. They are most of a model, and a stream of
//           single frames waits for them to be read.
//   mixed   weights and inputs of projections and blocks are bfloat16.
enum class Precision { kFp32, kBf16, kMixed };

// Returns the bits of the nearest bfloat16; ties go to the even one.
std::uint32_t to_bf16(float value);

// Number of values, their mean, and the sum of their squared deviations from it.
struct Moments {
  double count = 0.0, mean = 0.0, squares = 0.0;
  void add(const Moments& other);
};

// A norm, applied as scale and shift per channel. Those of the `batch` kind are known from the
// start; the other kinds measure them.
struct Norm {
  Norm(Weights& weights, const std::string& name, NormKind kind, int channels);

  NormKind kind;
  int channels;
  Floats gain, bias;    // [padded channels]
  Floats mask;          // 1 for a channel, 0 for padding
  Floats scale, shift;  // batch only

  // Returns the moments over all channels and bins of a frame.
  Moments measure(const Kernels& kernels, const float* frame, int bins) const;
  // Computes the scale and shift, [padded channels], that normalise values of these moments and
  // then apply gain and bias.
  void apply_moments(const Moments& moments, float* scale, float* shift) const;
};

// A Conv1d over time whose channels are bins or bands, packed for Kernels::project. The generator's
// own two are kept tap by tap (by_tap).
struct Projection {
  // weight: [outputs][inputs][taps]; bias: [outputs] or null
  Projection(const float* weight, const float* bias, int outputs, int inputs, int taps,
             Precision precision);
  // One tap.
  Projection(const float* weight, const float* bias, int outputs, int inputs, Precision precision)
      : Projection(weight, bias, outputs, inputs, 1, precision) {}
  Projection(Weights& weights, const std::string& name, int outputs, int inputs, int taps,
             Precision precision);

  int taps, inputs, columns;  // columns: outputs, padded to kLane
  Floats weight, bias;
  Aligned<Bf16Pair> pairs;  // replaces `weight` in bf16

  // Writes the results of `count` rows to `outputs`. With bfloat16 weights a row of an odd number
  // of inputs must be followed by a finite value, which is multiplied by zero.
  void run(const Kernels& kernels, const float* const* rows, int count,
           float* const* outputs) const;
  // Adds the results, without the bias, to the contents of `outputs`.
  void add(const Kernels& kernels, const float* const* rows, int count,
           float* const* outputs) const;

 private:
  void run_from(const float* start, const Kernels& kernels, const float* const* rows, int count,
                float* const* outputs) const;
};

// Takes the tensors of a convolution over time and returns one P (Projection or TileProjection) for
// each tap; the first has the bias. Adding the taps in their order gives the same bits as one
// Projection of all taps.
template <typename P, typename... Options>
std::vector<P> by_tap(Weights& weights, const std::string& name, int outputs, int inputs, int taps,
                      Options... options) {
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

// The 1x1 convolution from planes to channels, and the norm after it.
struct InputLayer {
  InputLayer(Weights& weights, int planes, int channels, NormKind norm_kind);

  Norm norm;
  Floats weight, bias;  // [planes][padded channels] and [padded channels]
};

struct BlockSize {
  int channels, expanded, kernel_bins, kernel_frames, bins;
};

// A ConvNeXt block. Its gamma is folded into weight2 and bias2.
struct Block {
  Block(Weights& weights, const std::string& name, NormKind norm_kind, const BlockSize& size);

  BlockSize size;
  Floats dwconv;  // [frames][taps][padded channels]
  Norm norm;
  Floats weight1, bias1;  // [channels][padded expanded]
  Floats weight2, bias2;  // [padded expanded][padded channels]

  BlockShape shape() const {
    return {size.kernel_frames, size.kernel_bins,      size.bins,    padded(size.channels),
            size.channels,      padded(size.expanded), size.expanded};
  }
  BlockWeights weights() const {
    return {dwconv.data(), weight1.data(), bias1.data(), weight2.data(), bias2.data()};
  }
};

// The norm after the blocks and the 1x1 convolution from channels to planes.
struct OutputLayer {
  OutputLayer(Weights& weights, int planes, int channels, NormKind norm_kind);

  Norm norm;
  Floats weight, bias;  // [planes][padded channels] and [planes]
};

// Folds scale and shift of a product's input into the product: folded(c, j) = weight(c, j) *
// scale[c], and folded_bias[j] = bias[j] + sum over c of weight(c, j) * shift[c]. weight(c, j) lies
// at c * channel_stride + j * output_stride. `folded` may be `weight`.
void fold(const float* scale, const float* shift, int channels, int outputs, int channel_stride,
          int output_stride, const float* weight, const float* bias, float* folded,
          float* folded_bias);

}  // namespace wavehax
