// The kernels on AVX2, with the register tiles that suit it.
#include "table.h"

#if defined(__x86_64__) || defined(__i386__)

#include "../simd/avx2.h"

namespace wavehax {
namespace {

constexpr int kAccumulators = 12, kMlpVecs = 3, kProjectRows = 3, kDepthwiseBins = 8;
constexpr bool kWeightsInRegisters = false;

#include "bf16.h"
#include "body.h"

constexpr Kernels kKernels = {"avx2", project, project_bf16, depthwise, mlp, block, mix, unmix, affine,
                             sum, sum_squares, sine_ratios, gaussians, multiply_adds, gelu_all};

}  // namespace
}  // namespace wavehax

#include "../simd/end.h"

namespace wavehax {
const Kernels& avx2_kernels() { return kKernels; }
}  // namespace wavehax

#endif
