// The layers without a large product, on planes (tiles.h). Included by amx.cpp and pair_kernels.h.

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

static double sum(const float* x, const TileShape& s) {
  Vec acc = splat(0.0f);
  for (int f = 0; f < s.columns(); f += kTileSide, x += s.channels * kTileSide)
    for (int c = 0; c < s.depth; ++c)
      acc = add(acc, first_lanes(load(x + c * kTileSide), s.bins - f));
  return sum_lanes(acc);
}

static double sum_squares(const float* x, float mean, const TileShape& s) {
  Vec acc = splat(0.0f);
  for (int f = 0; f < s.columns(); f += kTileSide, x += s.channels * kTileSide)
    for (int c = 0; c < s.depth; ++c) {
      const Vec d = first_lanes(sub(load(x + c * kTileSide), splat(mean)), s.bins - f);
      acc = fma(d, d, acc);
    }
  return sum_lanes(acc);
}
