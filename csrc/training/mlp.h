// The pointwise layers of a block, out = residual + w2 * gelu(w1 * x + b1) + b2 at every position
// of [positions][channels], and their gradients. The expanded channels of a few positions at a time
// exist, and are computed again for the gradients. The same bits for any number of threads.
#pragma once

#include "table.h"

namespace wavehax::training {

struct Mlp {
  long positions;
  int channels, expanded;
};

// As torch.nn.Linear keeps them.
struct MlpWeights {
  const float *w1, *b1;  // [expanded][channels], [expanded]
  const float *w2, *b2;  // [channels][expanded], [channels]
};

struct MlpGradients {
  float *x, *w1, *b1, *w2, *b2;  // each shaped as what it is the gradient of
};

void mlp_forward(const Kernels& kernels, const Mlp& shape, const float* x,
                 const MlpWeights& weights, const float* residual, int threads, float* out);

// The gradient of the residual is grad_out itself.
void mlp_backward(const Kernels& kernels, const Mlp& shape, const float* x,
                  const MlpWeights& weights, const float* grad_out, int threads,
                  const MlpGradients& gradients);

}  // namespace wavehax::training
