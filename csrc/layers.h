// Layers as the engine holds them: packed for the kernels, norms of the `batch` kind folded away. Same names and order as
// nn/layers.py and nn/generator.py.
#pragma once

#include <string>
#include <vector>

#include "buffers.h"
#include "kernels/table.h"
#include "weights.h"

namespace wavehax {

enum class NormKind { kUtterance, kFrame, kBatch };

// A norm is always applied as scale and shift per channel: known from the start (batch), or measured.
struct Norm {
  Norm(Weights& weights, const std::string& name, NormKind kind, int channels);

  NormKind kind;
  int channels;
  Floats gain, bias;    // [padded channels]
  Floats mask;          // 1 where a channel is not padding
  Floats scale, shift;  // batch only

  // Scale and shift, [padded channels], from the statistics of `count` frames of `bins` bins.
  void measure(const Kernels& kernels, const float* const* frames, int count, int bins, float* scale, float* shift) const;
};

// Conv1d over time with bins as channels, packed for Kernels::project. `env_proj` is one of a single tap.
struct Projection {
  Projection(Weights& weights, const std::string& name, int outputs, int inputs, int taps);

  int taps, depth, columns;  // columns: outputs, padded
  Floats weight, bias;
};

// 1x1 convolution from planes to channels, and the norm after it.
struct InputLayer {
  InputLayer(Weights& weights, int planes, int channels, NormKind norm_kind);

  Norm norm;
  Floats weight, bias;  // [planes][padded channels], [padded channels]
};

// ConvNeXt block; gamma is folded into the last product.
struct Block {
  Block(Weights& weights, const std::string& name, NormKind norm_kind, int channels, int expanded, int taps, int frames);

  int expanded;  // padded
  Floats dwconv;  // [frames][taps][padded channels]
  Norm norm;
  Floats weight1, bias1;  // [channels][expanded]
  Floats weight2, bias2;  // [expanded][padded channels]
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
