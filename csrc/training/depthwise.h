// Depthwise convolution of [batch][bins][frames][channels] and its gradients. Bins are padded by reflection, frames by
// `border` with `before` of them in front; nothing padded is stored. The same bits for any number of threads.
#pragma once

#include "../signal/buffers.h"
#include "table.h"

namespace wavehax::training {

struct Depthwise {
  long batch, bins, frames;
  int channels, kernel_bins, kernel_frames;  // kernel_bins is odd, and less than 2 * bins
  int before;                                // frames of padding before the first, of kernel_frames - 1
  Border border;

  // Floats before the first of bin f of utterance `item`.
  long row(long item, long f) const { return (item * bins + f) * frames * channels; }
};

// weight: [channels][kernel_bins][kernel_frames]; out: as x; mean and (biased) variance of every channel of it.
void depthwise_forward(const Kernels& kernels, const Depthwise& shape, const float* x, const float* weight, int threads,
                       float* out, float* mean, float* variance);

// The gradient of the output is grad + offset[c] + slope[c] * out: the last two are that of the moments.
struct OutputGradient {
  const float *grad, *out, *offset, *slope;
};

// grad_x and grad_weight, shaped as what they are the gradients of. grad_x begins as grad_residual: what x receives elsewhere.
void depthwise_backward(const Kernels& kernels, const Depthwise& shape, const float* x, const float* weight,
                        const OutputGradient& gradient, const float* grad_residual, int threads, float* grad_x,
                        float* grad_weight);

}  // namespace wavehax::training
