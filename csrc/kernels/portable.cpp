// Portable kernels: groups of four floats in plain C++, which compilers map to any baseline vector unit.
// Multiply and add stay two roundings (-ffp-contract=off).
#include "table.h"

namespace wavehax {
namespace {

struct Vec {
  float v[4];
};
constexpr int kWidth = 4;
constexpr int kMlpRows = 2, kMlpVecs = 2, kProjectRows = 1, kDepthwiseBins = 4;

#define WAVEHAX_LANES(expression)            \
  Vec y;                                     \
  for (int i = 0; i < 4; ++i) y.v[i] = (expression); \
  return y

inline Vec load(const float* p) { WAVEHAX_LANES(p[i]); }
inline void store(float* p, Vec a) {
  for (int i = 0; i < 4; ++i) p[i] = a.v[i];
}
inline Vec splat(float a) { WAVEHAX_LANES(a); }
inline Vec add(Vec a, Vec b) { WAVEHAX_LANES(a.v[i] + b.v[i]); }
inline Vec sub(Vec a, Vec b) { WAVEHAX_LANES(a.v[i] - b.v[i]); }
inline Vec mul(Vec a, Vec b) { WAVEHAX_LANES(a.v[i] * b.v[i]); }
inline Vec div(Vec a, Vec b) { WAVEHAX_LANES(a.v[i] / b.v[i]); }
inline Vec fma(Vec a, Vec b, Vec c) { WAVEHAX_LANES(a.v[i] * b.v[i] + c.v[i]); }
inline Vec min(Vec a, Vec b) { WAVEHAX_LANES(a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
inline Vec max(Vec a, Vec b) { WAVEHAX_LANES(a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
inline float sum_lanes(Vec a) { return (a.v[0] + a.v[1]) + (a.v[2] + a.v[3]); }

#undef WAVEHAX_LANES

#include "body.h"

}  // namespace

const Kernels& portable_kernels() {
  static constexpr Kernels kernels = {"portable", project, mix, unmix, depthwise, mlp, affine, sum, sum_squares, gelu_all};
  return kernels;
}

}  // namespace wavehax
