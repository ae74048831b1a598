// The pointwise layers of a block, out = residual + w2 * gelu(w1 * x + b1) + b2 at every position
// of [positions][channels], and their gradients. The expanded channels exist for a few positions at
// a time, and are computed again for the gradients. The results are the same bits for any number of
// threads.
#pragma once

#include "table.h"

namespace wavehax::training {

struct Mlp {
  long positions;
  int channels, expanded;
};

// Weights in the layout of torch.nn.Linear.
struct MlpWeights {
  const float *w1, *b1;  // [expanded][channels] and [expanded]
  const float *w2, *b2;  // [channels][expanded] and [channels]
};

struct MlpGradients {
  float *x, *w1, *b1, *w2, *b2;  // each shaped like the array that it is the gradient of
};

void mlp_forward(const Kernels& kernels, const Mlp& shape, const float* x,
                 const MlpWeights& weights, const float* residual, int threads, float* out);

// Computes the gradients of x and of the weights. The gradient of the residual is grad_out itself.
void mlp_backward(const Kernels& kernels, const Mlp& shape, const float* x,
                  const MlpWeights& weights, const float* grad_out, int threads,
                  const MlpGradients& gradients);

}  // namespace wavehax::training
