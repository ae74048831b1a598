// The pointwise layers of a block by products of pairs. Included by pair_kernels.h.

// Computes O outputs of S steps of 16 bins: the products of weights, rows of left tiles
// [depth / 32], and pairs [S][depth / 2][16], and the bias. An output is a vector of bins, so every
// weight is a pair that fills a vector, and serves S of them.
template <int O, int S>
static inline void multiply(const Bf16* weight, const std::uint32_t* pairs, int depth,
                            const float* bias, Vec (&sums)[O][S]) {
  const long step = static_cast<long>(depth) * kTileSide / 2;
  WAVEHAX_UNROLL
  for (int o = 0; o < O; ++o) WAVEHAX_UNROLL
  for (int s = 0; s < S; ++s) sums[o][s] = load(bias + o * kTileSide);
  for (int first = 0; first < depth; first += kTileDepth, weight += kTileSize) {
    const int terms = depth - first < kTileDepth ? depth - first : kTileDepth;
    for (int k = 0; k < terms; k += 2, pairs += kTileSide) {
      Words bins[S];
      WAVEHAX_UNROLL
      for (int s = 0; s < S; ++s) bins[s] = load_words(pairs + s * step);
      WAVEHAX_UNROLL
      for (int o = 0; o < O; ++o) {
        const Words factor = splat_pair(weight + o * kTileDepth + k);
        WAVEHAX_UNROLL
        for (int s = 0; s < S; ++s) sums[o][s] = dot_pairs(sums[o][s], bins[s], factor);
      }
    }
  }
}

// Returns the weights of outputs n and on.
static inline const Bf16* row_of_tiles(const Bf16* weight, int n, int depth) {
  return weight + static_cast<long>(n / kTileSide) * tiles(depth, kTileDepth) * kTileSize +
         n % kTileSide * kTileDepth;
}

// Computes S steps of 16 bins, O outputs at a time. The expanded channels go through gelu and are
// rounded while they are in registers.
template <int O, int S>
static void mlp_steps(const float* x, const TileShape& s, const TileWeights& w, const float* scale,
                      const float* shift, const float* residual, float* out, Bf16* out_second,
                      std::uint32_t* input, std::uint32_t* hidden) {
  const int narrow = s.channels * kTileSide, wide = s.expanded * kTileSide;
  const long half_columns = s.half_columns();
  for (int i = 0; i < S; ++i)
    pack_input(x + i * narrow, s.channels, scale, shift, input + i * narrow / 2);
  Vec sums[O][S];
  for (int n = 0; n < s.expanded; n += O) {
    multiply(row_of_tiles(w.weight1, n, s.channels), input, s.channels, w.bias1 + n * kTileSide,
             sums);
    WAVEHAX_UNROLL
    for (int o = 0; o < O; o += 2) WAVEHAX_UNROLL
    for (int i = 0; i < S; ++i)
      store_words(hidden + i * wide / 2 + (n + o) / 2 * kTileSide,
                  pair(gelu(sums[o][i]), gelu(sums[o + 1][i])));
  }
  for (int n = 0; n < s.channels; n += O) {
    multiply(row_of_tiles(w.weight2, n, s.expanded), hidden, s.expanded, w.bias2 + n * kTileSide,
             sums);
    WAVEHAX_UNROLL
    for (int o = 0; o < O; ++o) WAVEHAX_UNROLL
    for (int i = 0; i < S; ++i) {
      const long at = i * narrow + (n + o) * kTileSide;
      const Vec sum = add(sums[o][i], load(residual + at));
      store(out + at, sum);
      store_rounded(out_second + (n + o) * half_columns + i * kTileSide, sum);
    }
  }
}

// Takes three steps at a time, whose 24 sums of 8 outputs leave registers for the factors: 257 bins
// are 17 steps and 513 are 33.
static void mlp(const float* x, const TileShape& s, const TileWeights& w, const float* scale,
                const float* shift, const float* residual, float* out, float* scratch) {
  const int steps = s.columns() / kTileSide, narrow = s.channels * kTileSide;
  auto* input = reinterpret_cast<std::uint32_t*>(scratch);
  std::uint32_t* hidden = input + 3 * narrow / 2;
  Bf16* second = second_part(out, s) + s.mirrored();
  int i = 0;
  for (; i + 3 <= steps; i += 3) {
    const long at = static_cast<long>(i) * narrow;
    mlp_steps<8, 3>(x + at, s, w, scale, shift, residual + at, out + at, second + i * kTileSide,
                    input, hidden);
  }
  const long at = static_cast<long>(i) * narrow;
  if (steps - i == 2)
    mlp_steps<8, 2>(x + at, s, w, scale, shift, residual + at, out + at, second + i * kTileSide,
                    input, hidden);
  if (steps - i == 1)
    mlp_steps<16, 1>(x + at, s, w, scale, shift, residual + at, out + at, second + i * kTileSide,
                     input, hidden);
  mirror_ends(out, s);
}
