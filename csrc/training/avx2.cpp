// AVX2 and FMA: eight floats, sixteen registers.
#include "table.h"

#if defined(__x86_64__) || defined(__i386__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

namespace wavehax::training {
namespace {

using Vec = __m256;
constexpr int kWidth = 8, kPositions = 8, kTaps = 4;

inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, Vec a) { _mm256_storeu_ps(p, a); }
inline Vec splat(float a) { return _mm256_set1_ps(a); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }

#include "body.h"

}  // namespace
}  // namespace wavehax::training

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace wavehax::training {

const Kernels& avx2_kernels() {
  static constexpr Kernels kernels = {"avx2", convolve, correlate};
  return kernels;
}

}  // namespace wavehax::training

#endif
