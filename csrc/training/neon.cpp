// The training kernels on NEON, with the register tiles that suit it.
#include "table.h"

#if defined(__aarch64__)

#include "../simd/neon.h"

namespace wavehax::training {
namespace {

constexpr int kPositions = 16, kTaps = 7, kRows = 4, kVecs = 4;

#include "body.h"

}  // namespace

const Kernels& neon_kernels() {
  static constexpr Kernels kernels = {"neon",      kPositions,     convolve, correlate,    product,
                                      column_sums, column_squares, gelu_all, gelu_gradient};
  return kernels;
}

}  // namespace wavehax::training

#endif
