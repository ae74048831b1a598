// Vector operations on bfloat16 and planes for AVX-512 (F, DQ, BW and VL). Included after
// simd/avx512.h, inside a target region that has all four. tile_vectors_emulated.h has the same
// names.

using Words = __m512i;  // sixteen pairs of bfloat16, or sixteen integers

inline Words load_words(const void* p) { return _mm512_loadu_si512(p); }
inline void store_words(void* p, Words a) { _mm512_storeu_si512(p, a); }

// Rounds to the nearest bfloat16, ties away from zero. The result is in the upper half of each
// lane.
inline Words rounded(Vec a) {
  return _mm512_add_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x8000));
}

// Packs two consecutive terms of a sum, the first in the lower half.
inline Words pair(Vec a, Vec b) {
  return _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(rounded(a), 16), rounded(b));
}

inline void store_rounded(Bf16* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded(a), 16)));
}

// Loads sixteen bfloat16 as floats.
inline Vec load_widened(const Bf16* p) {
  const __m512i bits =
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}

// Clamps a to [-limit, limit]. This mode of _mm512_range_ps returns the smaller of two magnitudes,
// with the sign of the first operand.
inline Vec clamped(Vec a, float limit) {
  constexpr int kNearerZero = 2;
  return _mm512_range_ps(a, splat(limit), kNearerZero);
}

// Returns the entries of a table of 32 floats that the last five bits of each lane of `index` name.
inline Vec lookup(const float* table, Vec index) {
  return _mm512_permutex2var_ps(load(table), _mm512_castps_si512(index), load(table + 16));
}

// Returns the first `count` lanes of a, and zeros. count: 1 or more; above 16 counts as 16.
inline Vec first_lanes(Vec a, int count) {
  return _mm512_maskz_mov_ps(static_cast<__mmask16>(count >= 16 ? 0xffff : (1 << count) - 1), a);
}
