// The layers without a large product, on planes (tiles.h). Included inside the target region of a
// processor with matrix tiles and AVX-512, after the definitions of Vec, load, store, splat and
// fma.

static void mix(const float* const* planes, int count, const float* weight, const float* bias,
                const TileShape& s, float* out) {
  for (int f = 0; f < s.columns(); f += kTileSide)
    for (int c = 0; c < s.channels; ++c, out += kTileSide) {
      Vec sum = splat(bias[c]);
      for (int i = 0; i < count; ++i)
        sum = fma(load(planes[i] + f), splat(weight[i * s.channels + c]), sum);
      store(out, sum);
    }
}

static void unmix(const float* x, const float* weight, const float* bias, int count,
                  const TileShape& s, float* const* out) {
  for (int f = 0; f < s.columns(); f += kTileSide, x += s.channels * kTileSide)
    for (int i = 0; i < count; ++i) {
      Vec sum = splat(bias[i]);
      for (int c = 0; c < s.channels; ++c)
        sum = fma(load(x + c * kTileSide), splat(weight[i * s.channels + c]), sum);
      store(out[i] + f, sum);
    }
}

static void affine(float* x, const float* scale, const float* shift, const TileShape& s) {
  for (int f = 0; f < s.columns(); f += kTileSide)
    for (int c = 0; c < s.channels; ++c, x += kTileSide)
      store(x, fma(load(x), splat(scale[c]), splat(shift[c])));
}

// Returns the mask of the 16 bins from `f` on that are not padding.
static inline __mmask16 real_bins(const TileShape& s, int f) {
  return static_cast<__mmask16>(s.bins - f >= kTileSide ? 0xffff : (1 << (s.bins - f)) - 1);
}

static double sum(const float* x, const TileShape& s) {
  Vec acc = splat(0.0f);
  for (int f = 0; f < s.columns(); f += kTileSide, x += s.channels * kTileSide)
    for (int c = 0; c < s.depth; ++c)
      acc = _mm512_add_ps(acc, _mm512_maskz_loadu_ps(real_bins(s, f), x + c * kTileSide));
  return _mm512_reduce_add_ps(acc);
}

static double sum_squares(const float* x, float mean, const TileShape& s) {
  Vec acc = splat(0.0f);
  for (int f = 0; f < s.columns(); f += kTileSide, x += s.channels * kTileSide)
    for (int c = 0; c < s.depth; ++c) {
      const Vec d = _mm512_maskz_sub_ps(real_bins(s, f), load(x + c * kTileSide), splat(mean));
      acc = fma(d, d, acc);
    }
  return _mm512_reduce_add_ps(acc);
}
