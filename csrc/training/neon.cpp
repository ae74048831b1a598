// NEON (AArch64 baseline): four floats, thirty-two registers.
#include "table.h"

#if defined(__aarch64__)

#include <arm_neon.h>

namespace wavehax::training {
namespace {

using Vec = float32x4_t;
constexpr int kWidth = 4, kPositions = 16, kTaps = 7, kRows = 4, kVecs = 4;

inline Vec load(const float* p) { return vld1q_f32(p); }
inline void store(float* p, Vec a) { vst1q_f32(p, a); }
inline Vec splat(float a) { return vdupq_n_f32(a); }
inline Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
inline Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
inline Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
inline Vec abs(Vec a) { return vabsq_f32(a); }
inline Vec min(Vec a, Vec b) { return vminq_f32(a, b); }
inline Vec max(Vec a, Vec b) { return vmaxq_f32(a, b); }
inline Vec with_sign(Vec a, Vec b) { return vbslq_f32(vdupq_n_u32(0x80000000u), b, a); }
inline Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }

#include "body.h"

}  // namespace

const Kernels& neon_kernels() {
  static constexpr Kernels kernels = {"neon", convolve, correlate, product, column_sums, column_squares,
                                      gelu_all, gelu_gradient};
  return kernels;
}

}  // namespace wavehax::training

#endif
