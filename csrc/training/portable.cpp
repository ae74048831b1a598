// Portable kernels: vectors of four floats in the compiler's own extension, which it maps to any baseline vector unit.
// Multiply and add stay two roundings (-ffp-contract=off).
#include <cstring>

#include "table.h"

namespace wavehax::training {
namespace {

using Vec = float __attribute__((vector_size(16)));
constexpr int kWidth = 4, kPositions = 8, kTaps = 4, kRows = 2, kVecs = 4;

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
inline Vec min(Vec a, Vec b) { return a < b ? a : b; }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
inline Vec with_sign(Vec a, Vec b) { return b < 0.0f ? -a : a; }
inline Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }

#include "body.h"

}  // namespace

const Kernels& portable_kernels() {
  static constexpr Kernels kernels = {"portable", convolve, correlate, product, column_sums, column_squares,
                                      gelu_all, gelu_gradient};
  return kernels;
}

}  // namespace wavehax::training
