// The pointwise layers of a block on matrix tiles. Included by amx.cpp.

// Coefficients of gelu as a quadratic polynomial on each of 31 equal pieces of [-4.5, 4.5], from
// index 1 on. They are minimax fits; beyond both ends the polynomials are 0 and x. The error is
// within 1e-4, which is small against the rounding of the result to bfloat16.
alignas(64) constexpr float kGeluConstant[32] = {0.0f,
                                                 0.0f,
                                                 -0.0144541822f,
                                                 -0.0333545059f,
                                                 -0.0690485165f,
                                                 -0.127959415f,
                                                 -0.210909635f,
                                                 -0.307019889f,
                                                 -0.390966177f,
                                                 -0.429811805f,
                                                 -0.399808913f,
                                                 -0.305340499f,
                                                 -0.181850702f,
                                                 -0.0766262636f,
                                                 -0.0182798654f,
                                                 -0.00114228576f,
                                                 3.66456516e-06f,
                                                 -0.00114228576f,
                                                 -0.0182798654f,
                                                 -0.0766262636f,
                                                 -0.181850612f,
                                                 -0.305347025f,
                                                 -0.399808913f,
                                                 -0.429811805f,
                                                 -0.390966177f,
                                                 -0.307019889f,
                                                 -0.21092245f,
                                                 -0.12799117f,
                                                 -0.069074586f,
                                                 -0.0333056077f,
                                                 -0.0144313127f,
                                                 0.0f};
alignas(64) constexpr float kGeluLinear[32] = {
    0.0f,          0.0f,          -0.00665498804f, -0.0163467601f, -0.0361063033f, -0.0715342313f,
    -0.126126677f, -0.195942193f, -0.263890296f,   -0.299079865f,  -0.266244769f,  -0.146461681f,
    0.043986626f,  0.251694083f,  0.411594033f,    0.487777084f,   0.500000179f,   0.512222886f,
    0.588405967f,  0.748305917f,  0.956013203f,    1.14647055f,    1.26624477f,    1.2990799f,
    1.26389027f,   1.19594216f,   1.12613559f,     1.07155418f,    1.03612125f,    1.01632082f,
    1.00664377f,   1.0f};
alignas(64) constexpr float kGeluQuadratic[32] = {0.0f,
                                                  0.0f,
                                                  -0.000768318423f,
                                                  -0.0020108805f,
                                                  -0.00474582845f,
                                                  -0.0100730257f,
                                                  -0.0190569349f,
                                                  -0.0317384675f,
                                                  -0.0454919636f,
                                                  -0.0534625277f,
                                                  -0.0444830321f,
                                                  -0.00649170997f,
                                                  0.0670077577f,
                                                  0.169679582f,
                                                  0.27958712f,
                                                  0.36493057f,
                                                  0.397546321f,
                                                  0.36493057f,
                                                  0.27958712f,
                                                  0.169679582f,
                                                  0.0670078322f,
                                                  -0.00649468508f,
                                                  -0.0444830321f,
                                                  -0.0534625277f,
                                                  -0.0454919636f,
                                                  -0.0317384675f,
                                                  -0.0190585013f,
                                                  -0.0100761466f,
                                                  -0.00474798121f,
                                                  -0.0020074402f,
                                                  -0.000766933721f,
                                                  0.0f};

static inline Vec lookup(const float* table, __m512i index) {
  return _mm512_permutex2var_ps(load(table), index, load(table + 16));
}

static inline Vec gelu(Vec x) {
  // This mode of _mm512_range_ps returns the smaller of two magnitudes, with the sign of the first
  // operand. It clamps x to [-4.4999, 4.4999].
  constexpr int kNearerZero = 2;
  const Vec near = _mm512_range_ps(x, splat(4.4999f), kNearerZero);
  // Adding 1.5 * 2^23 leaves the index of the piece in the last bits.
  const __m512i piece =
      _mm512_castps_si512(fma(near, splat(31.0f / 9.0f), splat(0x1.8p23f + 16.0f)));
  return fma(fma(lookup(kGeluQuadratic, piece), x, lookup(kGeluLinear, piece)), x,
             lookup(kGeluConstant, piece));
}

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

static inline void pack_input(const float* x, int channels, const float* scale, const float* shift,
                              std::uint32_t* pairs) {
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
    _mm512_storeu_si512(pairs + kTileSide,
                        pair(gelu(load(x + 2 * kTileSide)), gelu(load(x + 3 * kTileSide))));
  }
}

static inline void add_residual(const float* x, const float* residual, const TileShape& s,
                                float* out, Bf16* out_second) {
  for (int c = 0; c < s.channels; ++c) {
    const Vec sum = _mm512_add_ps(load(x + c * kTileSide), load(residual + c * kTileSide));
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
