// The kernels on pairs of bfloat16, for AVX-512 with BF16 (Zen 4 and later; Intel's where tiles are
// not lent).
#include "tiles.h"

#if defined(__x86_64__)

#include "../simd/avx512.h"
#include "../simd/end.h"

#if defined(__clang__)
#pragma clang attribute push(                                                          \
    __attribute__((target("avx512bf16,avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512bf16,avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")
#endif

namespace wavehax {
namespace {

#include "tile_vectors.h"
#include "pair_vectors.h"
#include "pair_kernels.h"

}  // namespace
}  // namespace wavehax

#include "../simd/end.h"

namespace wavehax {
const TileKernels& avx512bf16_kernels() { return kKernels; }
}  // namespace wavehax

#endif
