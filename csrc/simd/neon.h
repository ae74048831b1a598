// NEON (AArch64 baseline): four floats, thirty-two registers.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace wavehax {
namespace {

using Vec = float32x4_t;
constexpr int kWidth = 4;

inline Vec load(const float* p) { return vld1q_f32(p); }
inline void store(float* p, Vec a) { vst1q_f32(p, a); }
inline Vec splat(float a) { return vdupq_n_f32(a); }
inline Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
inline Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
inline Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
inline Vec abs(Vec a) { return vabsq_f32(a); }
inline Vec negative_abs(Vec a) { return vnegq_f32(vabsq_f32(a)); }
inline Vec with_sign(Vec a, Vec b) { return vbslq_f32(vdupq_n_u32(0x80000000u), b, a); }
inline Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
inline Vec min(Vec a, Vec b) { return vminq_f32(a, b); }
inline Vec max(Vec a, Vec b) { return vmaxq_f32(a, b); }
inline Vec div(Vec a, Vec b) { return vdivq_f32(a, b); }
inline Vec sqrt(Vec a) { return vsqrtq_f32(a); }
inline Vec load_ints(const std::int32_t* p) { return vcvtq_f32_s32(vld1q_s32(p)); }
inline Vec exponent(Vec a) {
  return vcvtq_f32_s32(vsubq_s32(vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_f32(a), 23)), vdupq_n_s32(127)));
}
inline Vec mantissa(Vec a) {
  const uint32x4_t bits = vandq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(0x7fffff));
  return vreinterpretq_f32_u32(vorrq_u32(bits, vreinterpretq_u32_f32(vdupq_n_f32(1.0f))));
}
inline float sum_lanes(Vec a) { return vaddvq_f32(a); }

}  // namespace
}  // namespace wavehax
