// Pairs of bfloat16 as float32, which has the same exponent and ends in zeros; in the compiler's
// own vectors, which every target has. Included as body.h is, before it.

using Pairs = Bf16Pair __attribute__((vector_size(sizeof(Vec))));

inline Pairs load(const Bf16Pair* p) {
  Pairs a;
  __builtin_memcpy(&a, p, sizeof a);
  return a;
}
inline Vec first(Pairs a) { return (Vec)(a << 16); }
inline Vec second(Pairs a) { return (Vec)(a & 0xffff0000u); }
