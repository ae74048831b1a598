// What the kernels of the engine and those of training share. Included as body.h is, by either.

// Loops of constant length over registers must vanish, or the registers become memory.
#if defined(__clang__)
#define WAVEHAX_UNROLL _Pragma("clang loop unroll(full)")
#else
#define WAVEHAX_UNROLL _Pragma("GCC unroll 64")
#endif

// acc[b] += sum over i of x[b + i] * weight[i], of vectors `channels` floats apart, in the order of inputs. The K weights are held
// in registers, so that every input is loaded once for all the outputs it meets.
template <int K, int B>
static inline void add_taps(Vec (&acc)[B], const float* x, const float* weight, int channels) {
  Vec w[K];
  WAVEHAX_UNROLL
  for (int i = 0; i < K; ++i) w[i] = load(weight + i * channels);
  WAVEHAX_UNROLL
  for (int p = 0; p < B + K - 1; ++p) {
    const Vec xp = load(x + p * channels);
    WAVEHAX_UNROLL
    for (int b = 0; b < B; ++b)
      if (p >= b && p - b < K) acc[b] = fma(xp, w[p - b], acc[b]);
  }
}
