// NEON (AArch64 baseline): four floats, thirty-two registers.
#include "table.h"

#if defined(__aarch64__)

#include <arm_neon.h>

namespace wavehax::training {
namespace {

using Vec = float32x4_t;
constexpr int kWidth = 4, kPositions = 16, kTaps = 7;

inline Vec load(const float* p) { return vld1q_f32(p); }
inline void store(float* p, Vec a) { vst1q_f32(p, a); }
inline Vec splat(float a) { return vdupq_n_f32(a); }
inline Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }

#include "body.h"

}  // namespace

const Kernels& neon_kernels() {
  static constexpr Kernels kernels = {"neon", convolve, correlate};
  return kernels;
}

}  // namespace wavehax::training

#endif
