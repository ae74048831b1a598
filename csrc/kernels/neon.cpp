// NEON (AArch64 baseline): four floats, thirty-two registers.
#include "table.h"

#if defined(__aarch64__)

#include <arm_neon.h>

namespace wavehax {
namespace {

using Vec = float32x4_t;
constexpr int kWidth = 4;
constexpr int kMlpRows = 4, kMlpVecs = 4, kProjectRows = 2, kDepthwiseBins = 14;
constexpr bool kWeightsInRegisters = true;

inline Vec load(const float* p) { return vld1q_f32(p); }
inline void store(float* p, Vec a) { vst1q_f32(p, a); }
inline Vec splat(float a) { return vdupq_n_f32(a); }
inline Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
inline Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
inline Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
inline Vec abs(Vec a) { return vabsq_f32(a); }
inline Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
inline Vec min(Vec a, Vec b) { return vminq_f32(a, b); }
inline Vec max(Vec a, Vec b) { return vmaxq_f32(a, b); }
inline float sum_lanes(Vec a) { return vaddvq_f32(a); }

#include "body.h"

constexpr Kernels kKernels = {"neon", project, mix, unmix, depthwise, mlp, affine, sum, sum_squares, gelu_all};

}  // namespace

const Kernels& neon_kernels() { return kKernels; }

}  // namespace wavehax

#endif
