// Depthwise convolution of [batch][bins][frames][channels] and its gradients. Bins are padded by
// reflection, frames by `border`, with `before` padding frames in front. Nothing padded is stored.
// The results are the same bits for any number of threads.
#pragma once

#include "../signal/buffers.h"
#include "table.h"

namespace wavehax::training {

struct Depthwise {
  long batch, bins, frames;
  int channels, kernel_bins, kernel_frames;  // kernel_bins is odd, and less than 2 * bins
  int before;  // padding frames before the first, out of kernel_frames - 1
  Border border;

  // Returns the offset in floats of bin f of utterance `item`.
  long row(long item, long f) const { return (item * bins + f) * frames * channels; }
};

// Computes the convolution, and the mean and (biased) variance of each channel of the output.
// weight: [channels][kernel_bins][kernel_frames]; out: like x.
void depthwise_forward(const Kernels& kernels, const Depthwise& shape, const float* x,
                       const float* weight, int threads, float* out, float* mean, float* variance);

// The gradient of the output is grad + offset[c] + slope[c] * out. The last two terms are the
// gradient that comes through mean and variance.
struct OutputGradient {
  const float *grad, *out, *offset, *slope;
};

// Computes grad_x and grad_weight, shaped like x and weight. grad_x begins as grad_residual, the
// gradient that x receives elsewhere.
void depthwise_backward(const Kernels& kernels, const Depthwise& shape, const float* x,
                        const float* weight, const OutputGradient& gradient,
                        const float* grad_residual, int threads, float* grad_x, float* grad_weight);

}  // namespace wavehax::training
