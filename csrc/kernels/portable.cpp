// Portable kernels: vectors of four floats in the compiler's own extension, which it maps to any baseline vector unit.
// Multiply and add stay two roundings (-ffp-contract=off).
#include <cstring>

#include "table.h"

namespace wavehax {
namespace {

using Vec = float __attribute__((vector_size(16)));
using Ints = std::int32_t __attribute__((vector_size(16)));
constexpr int kWidth = 4;
constexpr int kAccumulators = 8, kMlpVecs = 4, kProjectRows = 1, kDepthwiseBins = 8;
constexpr bool kWeightsInRegisters = false;

inline Vec load(const float* p) {
  Vec a;
  std::memcpy(&a, p, sizeof a);
  return a;
}
inline void store(float* p, Vec a) { std::memcpy(p, &a, sizeof a); }
inline Vec splat(float a) { return Vec{a, a, a, a}; }
inline Vec add(Vec a, Vec b) { return a + b; }
inline Vec sub(Vec a, Vec b) { return a - b; }
inline Vec mul(Vec a, Vec b) { return a * b; }
inline Vec abs(Vec a) { return a < 0.0f ? -a : a; }
inline Vec negative_abs(Vec a) { return a < 0.0f ? a : -a; }
inline Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
inline Vec min(Vec a, Vec b) { return a < b ? a : b; }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
inline Vec div(Vec a, Vec b) { return a / b; }
inline Vec sqrt(Vec a) {
  return Vec{__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3])};
}
inline Vec load_ints(const std::int32_t* p) {
  Ints a;
  std::memcpy(&a, p, sizeof a);
  return __builtin_convertvector(a, Vec);
}
inline Vec exponent(Vec a) { return __builtin_convertvector(((Ints)a >> 23) - 127, Vec); }
inline Vec mantissa(Vec a) { return (Vec)(((Ints)a & 0x7fffff) | 0x3f800000); }
inline float sum_lanes(Vec a) { return (a[0] + a[1]) + (a[2] + a[3]); }

#include "bf16.h"
#include "body.h"

}  // namespace

const Kernels& portable_kernels() {
  static constexpr Kernels kernels = {"portable", project, project_bf16, depthwise, mlp, block, mix, unmix, affine,
                             sum, sum_squares, sine_ratios, gaussians, multiply_adds, gelu_all};
  return kernels;
}

}  // namespace wavehax
