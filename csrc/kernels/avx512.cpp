// The kernels on AVX-512, with the register tiles that suit it.
#include "table.h"

#if defined(__x86_64__) || defined(__i386__)

#include "../simd/avx512.h"

namespace wavehax {
namespace {

constexpr int kAccumulators = 28, kMlpVecs = 3, kProjectRows = 8, kDepthwiseBins = 14;
constexpr bool kWeightsInRegisters = true;

#include "bf16.h"
#include "body.h"

constexpr Kernels kKernels = {"avx512", project, project_bf16, depthwise, mlp, block, mix, unmix, affine,
                             sum, sum_squares, sine_ratios, gaussians, multiply_adds, gelu_all};

}  // namespace
}  // namespace wavehax

#include "../simd/end.h"

namespace wavehax {
const Kernels& avx512_kernels() { return kKernels; }
}  // namespace wavehax

#endif
