// The training kernels on AVX2, with the register tiles that suit it.
#include "table.h"

#if defined(__x86_64__) || defined(__i386__)

#include "../simd/avx2.h"

namespace wavehax::training {
namespace {

constexpr int kPositions = 10, kTaps = 4, kRows = 4, kVecs = 3;

#include "body.h"

}  // namespace
}  // namespace wavehax::training

#include "../simd/end.h"

namespace wavehax::training {

const Kernels& avx2_kernels() {
  static constexpr Kernels kernels = {"avx2",      kPositions,     convolve, correlate,    product,
                                      column_sums, column_squares, gelu_all, gelu_gradient};
  return kernels;
}

}  // namespace wavehax::training

#endif
