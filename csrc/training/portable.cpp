// The training kernels on the portable vectors, with the register tiles that suit them.
#include "table.h"

#include "../simd/portable.h"

namespace wavehax::training {
namespace {

constexpr int kPositions = 8, kTaps = 4, kRows = 2, kVecs = 4;

#include "body.h"

}  // namespace

const Kernels& portable_kernels() {
  static constexpr Kernels kernels = {"portable",  kPositions,     convolve, correlate,    product,
                                      column_sums, column_squares, gelu_all, gelu_gradient};
  return kernels;
}

}  // namespace wavehax::training
