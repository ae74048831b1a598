// Vectors of four floats in the compiler's own extension, which it maps to any baseline vector unit. Multiply and add stay two
// roundings (-ffp-contract=off).
//
// The header of every instruction set defines the same, in an anonymous namespace:
//   Vec, kWidth        a vector of floats; how many, a divisor of kLane
//   load, store, splat, add, sub, mul, div, sqrt, abs, sum_lanes (the sum of a Vec)
//   fma(a, b, c)       a * b + c
//   min, max           the second argument passes on where it is not a number
//   negative_abs(a)    -|a|
//   with_sign(a, b)    a, which is at least 0, with the sign of b
//   load_ints          32-bit integers as floats
//   mantissa, exponent a = mantissa * 2^exponent, 1 <= mantissa < 2, for normal a > 0
#pragma once

#include <cstdint>
#include <cstring>

namespace wavehax {
namespace {

using Vec = float __attribute__((vector_size(16)));
using Ints = std::int32_t __attribute__((vector_size(16)));
constexpr int kWidth = 4;

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
inline Vec with_sign(Vec a, Vec b) { return b < 0.0f ? -a : a; }
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

}  // namespace
}  // namespace wavehax
