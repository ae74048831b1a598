// Vector operations on pairs of bfloat16, for AVX-512 with BF16. Included after tile_vectors.h,
// inside a target region that has it.

// Fills a vector with the pair at p. Clang 16 crashes where _mm512_set1_epi32 does it.
inline Words splat_pair(const void* p) {
  std::int32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return _mm512_broadcastd_epi32(_mm_cvtsi32_si128(word));
}

// Adds the products of both terms of each pair, with one rounding each.
inline Vec dot_pairs(Vec sums, Words a, Words b) {
  return _mm512_dpbf16_ps(sums, (__m512bh)a, (__m512bh)b);
}

// Returns the first half (0) or the second half (1) of even[0], odd[0], even[1], odd[1], ...
inline Vec interleaved(Vec even, Vec odd, int half) {
  const Words first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  return _mm512_permutex2var_ps(even, _mm512_add_epi32(first, _mm512_set1_epi32(8 * half)), odd);
}
