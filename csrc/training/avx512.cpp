// AVX-512 (F and DQ): sixteen floats, thirty-two registers.
#include "table.h"

#if defined(__x86_64__) || defined(__i386__)

#include "../simd/intrinsics.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx2,fma")
#endif

namespace wavehax::training {
namespace {

using Vec = __m512;
constexpr int kWidth = 16, kPositions = 16, kTaps = 7, kRows = 8, kVecs = 3;

inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, Vec a) { _mm512_storeu_ps(p, a); }
inline Vec splat(float a) { return _mm512_set1_ps(a); }
inline Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec abs(Vec a) { return _mm512_abs_ps(a); }
inline Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
inline Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
inline Vec with_sign(Vec a, Vec b) { return _mm512_or_ps(a, _mm512_and_ps(b, _mm512_set1_ps(-0.0f))); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }

#include "body.h"

}  // namespace
}  // namespace wavehax::training

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace wavehax::training {

const Kernels& avx512_kernels() {
  static constexpr Kernels kernels = {"avx512", convolve, correlate, product, column_sums, column_squares,
                                      gelu_all, gelu_gradient};
  return kernels;
}

}  // namespace wavehax::training

#endif
