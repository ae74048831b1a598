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

// Rounds to the nearest bfloat16, ties away from zero. The result is in the upper half of each
// lane.
static inline __m512i rounded(Vec a) {
  return _mm512_add_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x8000));
}

// Packs two terms of a right factor, the first in the lower half.
static inline __m512i pair(Vec a, Vec b) {
  return _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(rounded(a), 16), rounded(b));
}

static inline void store_rounded(Bf16* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded(a), 16)));
}

#include "planes.h"

// Return the second part of a row, its bins in bfloat16 (tiles.h).
static inline Bf16* second_part(float* row, const TileShape& s) {
  return reinterpret_cast<Bf16*>(row + s.planes_size());
}
static inline const Bf16* second_part(const float* row, const TileShape& s) {
  return reinterpret_cast<const Bf16*>(row + s.planes_size());
}

#include "tile_projections.h"
#include "tile_depthwise.h"

// Fills the second part of a row to both sides of its bins: mirrored bins, then zeros.
static void mirror_ends(float* row, const TileShape& s) {
  for (int c = 0; c < s.channels; ++c) {
    Bf16 *first = second_part(row, s) + c * s.half_columns() + s.mirrored(),
         *last = first + s.bins - 1;
    for (int i = 1; i <= s.mirrored(); ++i) {
      first[-i] = first[i];
      last[i] = last[-i];
    }
    for (int f = s.bins + s.mirrored(); f < s.columns(); ++f) first[f] = 0;
  }
}

static void mirror(float* row, const TileShape& s) {
  for (int f = 0; f < s.columns(); f += kTileSide)
    for (int c = 0; c < s.channels; ++c)
      store_rounded(second_part(row, s) + c * s.half_columns() + s.mirrored() + f,
                    load(row + static_cast<long>(f) * s.channels + c * kTileSide));
  mirror_ends(row, s);
}

#include "tile_mlp.h"

constexpr TileKernels kKernels = {project, round, depthwise, mlp, mirror,
                                  mix,     unmix, affine,    sum, sum_squares};

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
