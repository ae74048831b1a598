// The kernels on AMX: matrix tiles of bfloat16, with AVX-512 around them. The headers tile_*.h hold
// parts of this file and are included below.
#include "tiles.h"

#if defined(__x86_64__)

#include "../simd/avx512.h"
#include "../simd/end.h"

#if defined(__clang__)
#pragma clang attribute push(                                                                 \
    __attribute__((target("amx-tile,amx-bf16,avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("amx-tile,amx-bf16,avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")
#endif

// The eight tile registers, which intrinsics take as literals: four results, two factors of full
// depth and two of half of it.
#define SUM0 0
#define SUM1 1
#define SUM2 2
#define SUM3 3
#define LEFT 4
#define RIGHT 5
#define HALF_LEFT 6
#define HALF_RIGHT 7

namespace wavehax {
namespace {

// The layout of the memory from which the processor sets up its tile registers (Intel SDM,
// LDTILECFG).
struct alignas(64) TileSetup {
  std::uint8_t palette, start, reserved[14];
  std::uint16_t row_bytes[16];
  std::uint8_t rows[16];
};

// Stops the compiler from moving memory accesses: it does not know what tile instructions read and
// write.
static inline void fence() { __asm__ volatile("" ::: "memory"); }

// Sets up the tile registers: results and left factors get `rows` rows.
static void set_up(int rows) {
  TileSetup s = {1, 0, {}, {}, {}};
  for (int t = SUM0; t <= HALF_RIGHT; ++t) {
    s.rows[t] = static_cast<std::uint8_t>(t == RIGHT        ? kTileSide
                                          : t == HALF_RIGHT ? kTileSide / 2
                                                            : rows);
    s.row_bytes[t] = t == HALF_LEFT ? 32 : 64;
  }
  fence();
  _tile_loadconfig(&s);
}

#include "tile_vectors.h"
#include "planes.h"
#include "tile_rows.h"
#include "tile_projections.h"
#include "tile_depthwise.h"
#include "tile_pointwise.h"
#include "tile_mlp.h"

constexpr TileKernels kKernels = {project, round,  depthwise, mlp,         mirror, mix,
                                  unmix,   affine, sum,       sum_squares, nullptr};

}  // namespace
}  // namespace wavehax

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace wavehax {
const TileKernels& amx_kernels() { return kKernels; }
}  // namespace wavehax

#endif
