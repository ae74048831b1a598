// A block, of body.h, which includes this: depthwise convolution, and the two products around gelu.

// B bins of one vector of channels, for any number of taps: a weight is loaded once for all of them.
template <int B>
static void depthwise_any(const float* const* rows, int frames, int taps, const float* weight, int channels, long offset, float* out) {
  Vec acc[B];
  for (int b = 0; b < B; ++b) acc[b] = splat(0.0f);
  for (int j = 0; j < frames; ++j) {
    const float* x = rows[j] + offset;
    for (int i = 0; i < taps; ++i, x += channels, weight += channels) {
      const Vec w = load(weight);
      for (int b = 0; b < B; ++b) acc[b] = fma(load(x + b * channels), w, acc[b]);
    }
  }
  for (int b = 0; b < B; ++b) store(out + b * channels, acc[b]);
}

// The same with the K weights of a row held in registers, so that every input is loaded once for all the outputs it meets.
// The order of the additions is that of depthwise_any.
template <int K>
static void depthwise_fixed(const float* const* rows, int frames, int, const float* weight, int channels, long offset, float* out) {
  constexpr int B = kDepthwiseBins;
  Vec acc[B];
  for (int b = 0; b < B; ++b) acc[b] = splat(0.0f);
  for (int j = 0; j < frames; ++j, weight += K * channels) {
    const float* x = rows[j] + offset;
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
  for (int b = 0; b < B; ++b) store(out + b * channels, acc[b]);
}

using DepthwiseTile = void (*)(const float* const* rows, int frames, int taps, const float* weight, int channels, long offset, float* out);

// The function for tiles of kDepthwiseBins.
static DepthwiseTile depthwise_tile(int taps) {
  switch (kWeightsInRegisters ? taps : 0) {
    case 3: return depthwise_fixed<3>;
    case 5: return depthwise_fixed<5>;
    case 7: return depthwise_fixed<7>;
    case 9: return depthwise_fixed<9>;
    case 11: return depthwise_fixed<11>;
    case 13: return depthwise_fixed<13>;
    case 15: return depthwise_fixed<15>;
    default: return depthwise_any<kDepthwiseBins>;
  }
}

// All bins in tiles; the last tile begins early and computes some bins again rather than one by one.
static void depthwise(const float* const* rows, const BlockShape& s, const float* weight, float* out) {
  const int tile_bins = s.bins < kDepthwiseBins ? 1 : kDepthwiseBins;
  const DepthwiseTile tile = tile_bins == 1 ? depthwise_any<1> : depthwise_tile(s.taps);
  for (int f = 0; f < s.bins; f += tile_bins) {
    const int first = f + tile_bins <= s.bins ? f : s.bins - tile_bins;
    for (int c = 0; c < s.channels; c += kWidth) {
      const long offset = static_cast<long>(first) * s.channels + c;
      tile(rows, s.frames, s.taps, weight + c, s.channels, offset, out + offset);
    }
  }
}

// One register tile of a product over `depth` with weights [depth][stride]: R rows, V vectors of columns. The result goes to
// `hidden` through gelu, or to `out` with the residual where there is no hidden.
template <int R, int V, bool kHidden>
static inline void mlp_tile(const float* x, int x_stride, const float* w, const float* bias, int depth, int stride, float* hidden,
                            const float* residual, float* out) {
  Vec acc[R][V];
  const float* rows[R];
  for (int r = 0; r < R; ++r) {
    rows[r] = x + r * x_stride;
    for (int v = 0; v < V; ++v) acc[r][v] = load(bias + v * kWidth);
  }
  accumulate<R, V>(acc, rows, w, depth, stride);
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) {
      const long at = static_cast<long>(r) * stride + v * kWidth;
      if (kHidden)
        store(hidden + at, gelu(acc[r][v]));
      else
        store(out + at, add(acc[r][v], load(residual + at)));
    }
}

// V vectors of columns for all rows, in register tiles as high as fit.
template <int V, bool kHidden>
static inline void mlp_columns(const float* x, int x_stride, int rows, const float* w, const float* bias, int depth, int stride,
                               float* hidden, const float* residual, float* out) {
  constexpr int kRows = kAccumulators / V < kDepthwiseBins ? kAccumulators / V : kDepthwiseBins;
  constexpr int kEven = kDepthwiseBins / ((kDepthwiseBins + kRows - 1) / kRows);  // tiles of kDepthwiseBins rows split evenly
  int r = 0;
  for (; r + kEven <= rows; r += kEven) {
    const long at = static_cast<long>(r) * stride;
    mlp_tile<kEven, V, kHidden>(x + r * x_stride, x_stride, w, bias, depth, stride, hidden + at, residual + at, out + at);
  }
  constexpr int kRest = kEven < 5 ? kEven : 5;  // what 61 and 257 bins, of n_fft 120 and 512, leave of tiles of 7 or 14
  for (; r + kRest <= rows; r += kRest) {
    const long at = static_cast<long>(r) * stride;
    mlp_tile<kRest, V, kHidden>(x + r * x_stride, x_stride, w, bias, depth, stride, hidden + at, residual + at, out + at);
  }
  for (; r < rows; ++r) {
    const long at = static_cast<long>(r) * stride;
    mlp_tile<1, V, kHidden>(x + r * x_stride, x_stride, w, bias, depth, stride, hidden + at, residual + at, out + at);
  }
}

template <bool kHidden>
static inline void mlp_product(const float* x, int x_stride, int rows, const float* w, const float* bias, int depth, int columns,
                               float* hidden, const float* residual, float* out) {
  int c = 0;
  for (; c + kMlpVecs * kWidth <= columns; c += kMlpVecs * kWidth)
    mlp_columns<kMlpVecs, kHidden>(x, x_stride, rows, w + c, bias + c, depth, columns, hidden + c, residual + c, out + c);
  for (; c + 2 * kWidth <= columns; c += 2 * kWidth)
    mlp_columns<2, kHidden>(x, x_stride, rows, w + c, bias + c, depth, columns, hidden + c, residual + c, out + c);
  for (; c < columns; c += kWidth)
    mlp_columns<1, kHidden>(x, x_stride, rows, w + c, bias + c, depth, columns, hidden + c, residual + c, out + c);
}

// At most kDepthwiseBins rows, so that their expansion stays in the first-level cache.
static inline void mlp_rows(const float* x, int rows, const BlockShape& s, const BlockWeights& w, const float* residual,
                            float* out, float* hidden) {
  mlp_product<true>(x, s.channels, rows, w.weight1, w.bias1, s.depth, s.expanded, hidden, x, out);
  mlp_product<false>(hidden, s.expanded, rows, w.weight2, w.bias2, s.used, s.channels, hidden, residual, out);
}

static void mlp(const float* x, const BlockShape& s, const BlockWeights& w, const float* residual, float* out, float* scratch) {
  for (int f = 0; f < s.bins; f += kDepthwiseBins) {
    const long at = static_cast<long>(f) * s.channels;
    mlp_rows(x + at, s.bins - f < kDepthwiseBins ? s.bins - f : kDepthwiseBins, s, w, residual + at, out + at, scratch);
  }
}

// Tile by tile of bins, for all frames: what they share of the rows is then read once into the first-level cache.
static void block(const float* const* rows, int count, const BlockShape& s, const BlockWeights& w,
                  const float* const* residuals, float* const* outs, float* scratch) {
  float *convolved = scratch, *hidden = scratch + kDepthwiseBins * s.channels;
  const int tile_bins = s.bins < kDepthwiseBins ? 1 : kDepthwiseBins;
  const DepthwiseTile tile = tile_bins == 1 ? depthwise_any<1> : depthwise_tile(s.taps);
  for (int f = 0; f < s.bins; f += tile_bins) {
    const long at = static_cast<long>(f + tile_bins <= s.bins ? f : s.bins - tile_bins) * s.channels;
    for (int i = 0; i < count; ++i) {
      for (int c = 0; c < s.channels; c += kWidth)
        tile(rows + i, s.frames, s.taps, w.depthwise + c, s.channels, at + c, convolved + c);
      mlp_rows(convolved, tile_bins, s, w, residuals[i] + at, outs[i] + at, hidden);
    }
  }
}
