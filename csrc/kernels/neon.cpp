// The kernels on NEON, with the register tiles that suit it.
#include "table.h"

#if defined(__aarch64__)

#include "../simd/neon.h"

namespace wavehax {
namespace {

constexpr int kAccumulators = 20, kMlpVecs = 4, kProjectRows = 2, kDepthwiseBins = 14;
constexpr bool kWeightsInRegisters = true;

#include "bf16.h"
#include "body.h"

constexpr Kernels kKernels = {"neon", project, project_bf16, depthwise, mlp, block, mix, unmix, affine,
                             sum, sum_squares, sine_ratios, gaussians, multiply_adds, gelu_all};

}  // namespace

const Kernels& neon_kernels() { return kKernels; }

}  // namespace wavehax

#endif
