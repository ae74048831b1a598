// The pointwise layers of a block on matrix tiles. Included by amx.cpp.

// Multiplies weights [results][depth / 32] by `pairs` and adds the bias: at most four results of 16
// outputs and 16 bins.
#define MULTIPLY(left, right)                                \
  _tile_loadd(right, pairs, 64);                             \
  _tile_loadd(left, weight, 64);                             \
  _tile_dpbf16ps(SUM0, left, right);                         \
  if (results > 1) _tile_loadd(left, weight + step, 64);     \
  if (results > 1) _tile_dpbf16ps(SUM1, left, right);        \
  if (results > 2) _tile_loadd(left, weight + 2 * step, 64); \
  if (results > 2) _tile_dpbf16ps(SUM2, left, right);        \
  if (results > 3) _tile_loadd(left, weight + 3 * step, 64); \
  if (results > 3) _tile_dpbf16ps(SUM3, left, right);

static inline void multiply_four(const Bf16* weight, int results, const std::uint32_t* pairs,
                                 int depth, const float* bias, float* out) {
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

// Computes out [outputs][16] of 16 bins from pairs [depth / 2][16].
static inline void multiply(const Bf16* weight, const std::uint32_t* pairs, int outputs, int depth,
                            const float* bias, float* out) {
  for (int n = 0; n < outputs; n += 4 * kTileSide) {
    const int results = (outputs - n) / kTileSide;
    multiply_four(weight + static_cast<long>(n / kTileSide) * tiles(depth, kTileDepth) * kTileSize,
                  results < 4 ? results : 4, pairs, depth, bias + n * kTileSide,
                  out + n * kTileSide);
  }
}

static inline void pack_hidden(const float* x, int expanded, std::uint32_t* pairs) {
  for (int e = 0; e < expanded; e += 4, x += 4 * kTileSide, pairs += 2 * kTileSide) {
    store_words(pairs, pair(gelu(load(x)), gelu(load(x + kTileSide))));
    store_words(pairs + kTileSide,
                pair(gelu(load(x + 2 * kTileSide)), gelu(load(x + 3 * kTileSide))));
  }
}

static inline void add_residual(const float* x, const float* residual, const TileShape& s,
                                float* out, Bf16* out_second) {
  for (int c = 0; c < s.channels; ++c) {
    const Vec sum = add(load(x + c * kTileSide), load(residual + c * kTileSide));
    store(out + c * kTileSide, sum);
    store_rounded(out_second + c * s.half_columns(), sum);
  }
}

// The processor does not forward the stores of tiles to loads, nor stores to the loads of tiles. So
// the five stages (pack the input, expand, apply gelu, contract, add the residual) run side by
// side: every step of 16 bins works on the results that the step before stored, in two buffers by
// turns.
static void mlp(const float* x, const TileShape& s, const TileWeights& w, const float* scale,
                const float* shift, const float* residual, float* out, float* scratch) {
  const int steps = s.columns() / kTileSide, narrow = s.channels * kTileSide,
            wide = s.expanded * kTileSide;
  auto* input = reinterpret_cast<std::uint32_t*>(scratch);
  std::uint32_t* hidden = input + narrow;
  float *expanded = scratch + narrow + wide, *sums = expanded + 2 * wide;
  Bf16* out_second = second_part(out, s) + s.mirrored();
  set_up(kTileSide);
  for (int i = 0; i < steps + 4; ++i) {
    const int to = i & 1, from = 1 - to;
    fence();
    if (i >= 1 && i < steps + 1)
      multiply(w.weight1, input + from * narrow / 2, s.expanded, s.channels, w.bias1,
               expanded + to * wide);
    if (i >= 3 && i < steps + 3)
      multiply(w.weight2, hidden + from * wide / 2, s.channels, s.expanded, w.bias2,
               sums + to * narrow);
    fence();
    if (i < steps)
      pack_input(x + static_cast<long>(i) * narrow, s.channels, scale, shift,
                 input + to * narrow / 2);
    if (i >= 2 && i < steps + 2)
      pack_hidden(expanded + from * wide, s.expanded, hidden + to * wide / 2);
    if (i < 4) continue;
    const long at = static_cast<long>(i - 4) * narrow;
    add_residual(sums + from * narrow, residual + at, s, out + at,
                 out_second + (i - 4) * kTileSide);
  }
  _tile_release();
  mirror_ends(out, s);
}
