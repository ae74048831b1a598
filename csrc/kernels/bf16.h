// Pairs of bfloat16 to float32: a bfloat16 is the upper half of a float32, whose lower half is
// zero. These are the compiler's own vectors, which every target has. Included like body.h, and
// before it.

using Pairs = Bf16Pair __attribute__((vector_size(sizeof(Vec))));

inline Pairs load(const Bf16Pair* p) {
  Pairs a;
  __builtin_memcpy(&a, p, sizeof a);
  return a;
}
inline Vec first(Pairs a) { return (Vec)(a << 16); }
inline Vec second(Pairs a) { return (Vec)(a & 0xffff0000u); }
