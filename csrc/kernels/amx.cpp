// AMX: matrix tiles of bfloat16, and AVX-512 around them.
#include "tiles.h"

#if defined(__x86_64__)

#include "../simd/avx512.h"
#include "../simd/end.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("amx-tile,amx-bf16,avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("amx-tile,amx-bf16,avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")
#endif

// Tile registers, which intrinsics take as literals: results; factors of full depth, and of half of it.
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

// What the processor reads to set up the tile registers.
struct alignas(64) TileSetup {
  std::uint8_t palette, start, reserved[14];
  std::uint16_t row_bytes[16];
  std::uint8_t rows[16];
};

// Tiles are loaded and stored behind the compiler's back.
static inline void fence() { __asm__ volatile("" ::: "memory"); }

// Results and left factors get so many rows.
static void set_up(int rows) {
  TileSetup s = {1, 0, {}, {}, {}};
  for (int t = SUM0; t <= HALF_RIGHT; ++t) {
    s.rows[t] = static_cast<std::uint8_t>(t == RIGHT ? kTileSide : t == HALF_RIGHT ? kTileSide / 2 : rows);
    s.row_bytes[t] = t == HALF_LEFT ? 32 : 64;
  }
  fence();
  _tile_loadconfig(&s);
}

// The nearest bfloat16, ties away from zero, in the upper half.
static inline __m512i rounded(Vec a) { return _mm512_add_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x8000)); }

// Two terms of a right factor, the first in the lower half.
static inline __m512i pair(Vec a, Vec b) {
  return _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(rounded(a), 16), rounded(b));
}

static inline void store_rounded(Bf16* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded(a), 16)));
}

#include "planes.h"

static inline Bf16* second_part(float* row, const TileShape& s) { return reinterpret_cast<Bf16*>(row + s.planes_size()); }
static inline const Bf16* second_part(const float* row, const TileShape& s) {
  return reinterpret_cast<const Bf16*>(row + s.planes_size());
}

// Constant, linear and quadratic terms of gelu on 31 equal pieces of [-4.5, 4.5], from index 1 on: minimax fits, 0 and x at the
// ends and beyond; all within 1e-4, little against the rounding of the result.
alignas(64) constexpr float kGelu[3][32] = {
    {0.0f, 0.0f, -0.0144541822f, -0.0333545059f, -0.0690485165f, -0.127959415f, -0.210909635f, -0.307019889f,
     -0.390966177f, -0.429811805f, -0.399808913f, -0.305340499f, -0.181850702f, -0.0766262636f, -0.0182798654f,
     -0.00114228576f, 3.66456516e-06f, -0.00114228576f, -0.0182798654f, -0.0766262636f, -0.181850612f, -0.305347025f,
     -0.399808913f, -0.429811805f, -0.390966177f, -0.307019889f, -0.21092245f, -0.12799117f, -0.069074586f,
     -0.0333056077f, -0.0144313127f, 0.0f},
    {0.0f, 0.0f, -0.00665498804f, -0.0163467601f, -0.0361063033f, -0.0715342313f, -0.126126677f, -0.195942193f,
     -0.263890296f, -0.299079865f, -0.266244769f, -0.146461681f, 0.043986626f, 0.251694083f, 0.411594033f, 0.487777084f,
     0.500000179f, 0.512222886f, 0.588405967f, 0.748305917f, 0.956013203f, 1.14647055f, 1.26624477f, 1.2990799f,
     1.26389027f, 1.19594216f, 1.12613559f, 1.07155418f, 1.03612125f, 1.01632082f, 1.00664377f, 1.0f},
    {0.0f, 0.0f, -0.000768318423f, -0.0020108805f, -0.00474582845f, -0.0100730257f, -0.0190569349f, -0.0317384675f,
     -0.0454919636f, -0.0534625277f, -0.0444830321f, -0.00649170997f, 0.0670077577f, 0.169679582f, 0.27958712f,
     0.36493057f, 0.397546321f, 0.36493057f, 0.27958712f, 0.169679582f, 0.0670078322f, -0.00649468508f, -0.0444830321f,
     -0.0534625277f, -0.0454919636f, -0.0317384675f, -0.0190585013f, -0.0100761466f, -0.00474798121f, -0.0020074402f,
     -0.000766933721f, 0.0f},
};

static inline Vec lookup(const float* table, __m512i index) {
  return _mm512_permutex2var_ps(load(table), index, load(table + 16));
}

static inline Vec gelu(Vec x) {
  constexpr int kNearerZero = 2;  // the operand, with the sign of the first
  const Vec near = _mm512_range_ps(x, splat(4.4999f), kNearerZero);
  const __m512i piece = _mm512_castps_si512(fma(near, splat(31.0f / 9.0f), splat(0x1.8p23f + 16.0f)));  // in the last bits
  return fma(fma(lookup(kGelu[2], piece), x, lookup(kGelu[1], piece)), x, lookup(kGelu[0], piece));
}

#include "tile_projections.h"

// Sixteen neighbouring outputs of a channel are a row of 32 neighbouring inputs times a Toeplitz matrix of the taps. The rows of
// both overlap in memory: inputs begin sixteen bins apart, every two terms of the matrix two columns earlier. Frames share it.
#define CONVOLVE(sum, i)                                                                        \
  if (i < count) {                                                                              \
    _tile_loadd(LEFT, second_part(rows[j + i], s) + at + q * kTileDepth, kTileSide * sizeof(Bf16)); \
    _tile_dpbf16ps(sum, LEFT, RIGHT);                                                           \
  }

static void convolve(const float* const* rows, int count, const TileShape& s, const Bf16Pair* weight, long at, float* const* planes,
                     long out, long stride) {
  _tile_zero(SUM0);
  _tile_zero(SUM1);
  _tile_zero(SUM2);
  _tile_zero(SUM3);
  for (int j = 0; j < s.frames; ++j, weight += s.diagonals())
    for (int q = 0; q < s.window_tiles(); ++q) {
      _tile_loadd(RIGHT, weight + s.diagonals() - kTileSide - q * kTileDepth, -2 * static_cast<long>(sizeof(Bf16Pair)));
      CONVOLVE(SUM0, 0)
      CONVOLVE(SUM1, 1)
      CONVOLVE(SUM2, 2)
      CONVOLVE(SUM3, 3)
    }
  _tile_stored(SUM0, planes[0] + out, stride);
  if (count > 1) _tile_stored(SUM1, planes[1] + out, stride);
  if (count > 2) _tile_stored(SUM2, planes[2] + out, stride);
  if (count > 3) _tile_stored(SUM3, planes[3] + out, stride);
}

// One bin, of which a tile would cost as much as of 256.
static void convolve_bin(const float* const* rows, int count, const TileShape& s, const float* taps, int bin, float* const* planes) {
  for (int i = 0; i < count; ++i)
    for (int c = 0; c < s.channels; ++c) {
      const float* w = taps + static_cast<long>(c) * s.frames * padded(s.taps);
      Vec acc = splat(0.0f);
      for (int j = 0; j < s.frames; ++j)
        for (int k = 0; k < s.taps; k += kTileSide, w += kTileSide) {
          const Bf16* x = second_part(rows[i + j], s) + c * s.half_columns() + bin + k;
          const __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
          acc = fma(_mm512_castsi512_ps(_mm512_slli_epi32(bits, 16)), load(w), acc);
        }
      planes[i][static_cast<long>(bin) * s.channels + c * kTileSide] = _mm512_reduce_add_ps(acc);
    }
}

// The last bin of an n_fft of 512 is alone.
static void depthwise(const float* const* rows, int count, const TileShape& s, const TileWeights& w, float* const* planes) {
  const bool alone = s.bins % (kTileSide * kTileSide) == 1;
  const int sides = s.columns() / kTileSide - alone;
  const long size = static_cast<long>(s.frames) * s.diagonals();
  for (int first = 0; first < sides; first += kTileSide) {
    set_up(sides - first < kTileSide ? sides - first : kTileSide);
    for (int c = 0; c < s.channels; ++c)
      convolve(rows, count, s, w.depthwise + c * size, static_cast<long>(c) * s.half_columns() + first * kTileSide, planes,
               (static_cast<long>(first) * s.channels + c) * kTileSide, s.channels * kTileSide * sizeof(float));
  }
  _tile_release();
  if (alone) convolve_bin(rows, count, s, w.taps, s.bins - 1, planes);
}

// At most four results of 16 outputs and 16 bins: weights [results][depth / 32] times `pairs`, on top of the bias.
#define MULTIPLY(left, right)                                   \
  _tile_loadd(right, pairs, 64);                                \
  _tile_loadd(left, weight, 64);                                \
  _tile_dpbf16ps(SUM0, left, right);                            \
  if (results > 1) _tile_loadd(left, weight + step, 64);        \
  if (results > 1) _tile_dpbf16ps(SUM1, left, right);           \
  if (results > 2) _tile_loadd(left, weight + 2 * step, 64);    \
  if (results > 2) _tile_dpbf16ps(SUM2, left, right);           \
  if (results > 3) _tile_loadd(left, weight + 3 * step, 64);    \
  if (results > 3) _tile_dpbf16ps(SUM3, left, right);

static inline void multiply_four(const Bf16* weight, int results, const std::uint32_t* pairs, int depth, const float* bias,
                                 float* out) {
  constexpr int kResult = kTileSide * kTileSide;
  const long step = static_cast<long>(tiles(depth, kTileDepth)) * kTileSize;
  _tile_loadd(SUM0, bias, 64);
  if (results > 1) _tile_loadd(SUM1, bias + kResult, 64);
  if (results > 2) _tile_loadd(SUM2, bias + 2 * kResult, 64);
  if (results > 3) _tile_loadd(SUM3, bias + 3 * kResult, 64);
  for (; depth >= kTileDepth; depth -= kTileDepth, pairs += kTileSize / 2, weight += kTileSize) {
    MULTIPLY(LEFT, RIGHT)
  }
  if (depth > 0) {
    MULTIPLY(HALF_LEFT, HALF_RIGHT)
  }
  _tile_stored(SUM0, out, 64);
  if (results > 1) _tile_stored(SUM1, out + kResult, 64);
  if (results > 2) _tile_stored(SUM2, out + 2 * kResult, 64);
  if (results > 3) _tile_stored(SUM3, out + 3 * kResult, 64);
}

// out [outputs][16] of 16 bins, pairs [depth / 2][16].
static inline void multiply(const Bf16* weight, const std::uint32_t* pairs, int outputs, int depth, const float* bias, float* out) {
  for (int n = 0; n < outputs; n += 4 * kTileSide) {
    const int results = (outputs - n) / kTileSide;
    multiply_four(weight + static_cast<long>(n / kTileSide) * tiles(depth, kTileDepth) * kTileSize, results < 4 ? results : 4, pairs,
                  depth, bias + n * kTileSide, out + n * kTileSide);
  }
}

static inline void pack_input(const float* x, int channels, const float* scale, const float* shift, std::uint32_t* pairs) {
  for (int c = 0; c < channels; c += 2, x += 2 * kTileSide, pairs += kTileSide) {
    Vec a = load(x), b = load(x + kTileSide);
    if (scale != nullptr) {
      a = fma(a, splat(scale[c]), splat(shift[c]));
      b = fma(b, splat(scale[c + 1]), splat(shift[c + 1]));
    }
    _mm512_storeu_si512(pairs, pair(a, b));
  }
}

static inline void pack_hidden(const float* x, int expanded, std::uint32_t* pairs) {
  for (int e = 0; e < expanded; e += 4, x += 4 * kTileSide, pairs += 2 * kTileSide) {
    _mm512_storeu_si512(pairs, pair(gelu(load(x)), gelu(load(x + kTileSide))));
    _mm512_storeu_si512(pairs + kTileSide, pair(gelu(load(x + 2 * kTileSide)), gelu(load(x + 3 * kTileSide))));
  }
}

static inline void add_residual(const float* x, const float* residual, const TileShape& s, float* out, Bf16* out_second) {
  for (int c = 0; c < s.channels; ++c) {
    const Vec sum = _mm512_add_ps(load(x + c * kTileSide), load(residual + c * kTileSide));
    store(out + c * kTileSide, sum);
    store_rounded(out_second + c * s.half_columns(), sum);
  }
}

// What lies to both sides of the bins in the second part of a row.
static void mirror_ends(float* row, const TileShape& s) {
  for (int c = 0; c < s.channels; ++c) {
    Bf16 *first = second_part(row, s) + c * s.half_columns() + s.mirrored(), *last = first + s.bins - 1;
    for (int i = 1; i <= s.mirrored(); ++i) {
      first[-i] = first[i];
      last[i] = last[-i];
    }
    for (int f = s.bins + s.mirrored(); f < s.columns(); ++f) first[f] = 0;
  }
}

// What tiles store is not forwarded to loads, nor the other way round: so every step of 16 bins works on what the step before
// has stored, in turns of two buffers.
static void mlp(const float* x, const TileShape& s, const TileWeights& w, const float* scale, const float* shift,
                const float* residual, float* out, float* scratch) {
  const int steps = s.columns() / kTileSide, narrow = s.channels * kTileSide, wide = s.expanded * kTileSide;
  auto* input = reinterpret_cast<std::uint32_t*>(scratch);
  std::uint32_t* hidden = input + narrow;
  float *expanded = scratch + narrow + wide, *sums = expanded + 2 * wide;
  Bf16* out_second = second_part(out, s) + s.mirrored();
  set_up(kTileSide);
  for (int i = 0; i < steps + 4; ++i) {
    const int to = i & 1, from = 1 - to;
    fence();
    if (i >= 1 && i < steps + 1) multiply(w.weight1, input + from * narrow / 2, s.expanded, s.channels, w.bias1, expanded + to * wide);
    if (i >= 3 && i < steps + 3) multiply(w.weight2, hidden + from * wide / 2, s.channels, s.expanded, w.bias2, sums + to * narrow);
    fence();
    if (i < steps) pack_input(x + static_cast<long>(i) * narrow, s.channels, scale, shift, input + to * narrow / 2);
    if (i >= 2 && i < steps + 2) pack_hidden(expanded + from * wide, s.expanded, hidden + to * wide / 2);
    if (i < 4) continue;
    const long at = static_cast<long>(i - 4) * narrow;
    add_residual(sums + from * narrow, residual + at, s, out + at, out_second + (i - 4) * kTileSide);
  }
  _tile_release();
  mirror_ends(out, s);
}

static void mirror(float* row, const TileShape& s) {
  for (int f = 0; f < s.columns(); f += kTileSide)
    for (int c = 0; c < s.channels; ++c)
      store_rounded(second_part(row, s) + c * s.half_columns() + s.mirrored() + f, load(row + static_cast<long>(f) * s.channels + c * kTileSide));
  mirror_ends(row, s);
}

constexpr TileKernels kKernels = {project, round, depthwise, mlp, mirror, mix, unmix, affine, sum, sum_squares};

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
