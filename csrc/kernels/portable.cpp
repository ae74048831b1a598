// The kernels on the portable vectors, with the register tiles that suit them.
#include "table.h"

#include "../simd/portable.h"

namespace wavehax {
namespace {

constexpr int kAccumulators = 8, kMlpVecs = 4, kProjectRows = 1, kDepthwiseBins = 8;
constexpr bool kWeightsInRegisters = false;

#include "bf16.h"
#include "body.h"

}  // namespace

const Kernels& portable_kernels() {
  static constexpr Kernels kernels = {"portable", project, project_bf16, depthwise, mlp, block, mix, unmix, affine,
                             sum, sum_squares, sine_ratios, gaussians, multiply_adds, gelu_all};
  return kernels;
}

}  // namespace wavehax
