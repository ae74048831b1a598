// The operations of simd/avx512.h, tile_vectors.h and pair_vectors.h that the kernels on pairs use,
// in the compiler's own vectors, for any processor. Test builds run these kernels on it.

using Vec = float __attribute__((vector_size(64)));
using Words = std::uint32_t __attribute__((vector_size(64)));

inline Words load_words(const void* p) {
  Words a;
  std::memcpy(&a, p, sizeof a);
  return a;
}
inline void store_words(void* p, Words a) { std::memcpy(p, &a, sizeof a); }
inline Vec load(const float* p) { return (Vec)load_words(p); }
inline void store(float* p, Vec a) { store_words(p, (Words)a); }
inline Vec splat(float a) { return Vec{} + a; }
inline Vec add(Vec a, Vec b) { return a + b; }
inline Vec sub(Vec a, Vec b) { return a - b; }
inline Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
inline float sum_lanes(Vec a) {
  float sum = 0.0f;
  for (int i = 0; i < kTileSide; ++i) sum += a[i];
  return sum;
}

inline Words rounded(Vec a) { return (Words)a + 0x8000u; }
inline Words pair(Vec a, Vec b) { return rounded(a) >> 16 | (rounded(b) & 0xffff0000u); }
inline void store_rounded(Bf16* p, Vec a) {
  const Words bits = rounded(a) >> 16;
  for (int i = 0; i < kTileSide; ++i) p[i] = static_cast<Bf16>(bits[i]);
}
inline Vec load_widened(const Bf16* p) {
  Words bits{};
  for (int i = 0; i < kTileSide; ++i) bits[i] = static_cast<std::uint32_t>(p[i]) << 16;
  return (Vec)bits;
}
inline Vec clamped(Vec a, float limit) {
  const Vec most = splat(limit);
  return a > most ? most : a < -most ? -most : a;
}
inline Vec lookup(const float* table, Vec index) {
  Vec found{};
  for (int i = 0; i < kTileSide; ++i) found[i] = table[((Words)index)[i] & 31u];
  return found;
}
inline Vec first_lanes(Vec a, int count) {
  for (int i = count; i < kTileSide; ++i) a[i] = 0.0f;
  return a;
}

inline Words splat_pair(const void* p) {
  std::uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return Words{} + word;
}
inline Vec interleaved(Vec even, Vec odd, int half) {
  Vec a{};
  for (int i = 0; i < kTileSide / 2; ++i) {
    a[2 * i] = even[i + half * kTileSide / 2];
    a[2 * i + 1] = odd[i + half * kTileSide / 2];
  }
  return a;
}

// Replaces subnormal numbers by zeros of their sign, as vdpbf16ps does with its inputs and results
// whatever the process has set.
inline Vec normal(Vec a) {
  const Words bits = (Words)a;
  return (Vec)((bits & 0x7f800000u) == 0u ? bits & 0x80000000u : bits);
}

// Adds the second products first, then the first ones, each rounded to nearest: the order in which
// Intel's manual writes the operation of VDPBF16PS. A product of two bfloat16 has 16 bits, so only
// the additions round.
inline Vec dot_pairs(Vec sums, Words a, Words b) {
  const Vec second = normal((Vec)(a & 0xffff0000u)) * normal((Vec)(b & 0xffff0000u)),
            first = normal((Vec)(a << 16)) * normal((Vec)(b << 16));
  return normal(normal(normal(sums) + second) + first);
}
