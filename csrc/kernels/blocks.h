// The kernels of a block: depthwise convolution, and the two products around gelu. Included by
// body.h.

// Bins of the smaller tile for the last bins. 61, 257 and 481 bins leave 5 of tiles of 7 or 14. Of
// tiles of 8, 61 bins leave 5, and 241 and 513 leave one.
constexpr int kRestBins = 5;
static_assert(kRestBins <= kDepthwiseBins && kDepthwiseBins <= kMaxTileBins,
              "a rest lies within a tile, a tile in the scratch");

// Convolves B bins of one vector of channels, with any number of taps. A weight is loaded once for
// all bins.
template <int B>
static void depthwise_any(const float* const* rows, int frames, int taps, const float* weight,
                          int channels, long offset, float* out) {
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

// The same for K taps, by add_taps. The order of additions is that of depthwise_any.
template <int K, int B>
static void depthwise_fixed(const float* const* rows, int frames, int, const float* weight,
                            int channels, long offset, float* out) {
  Vec acc[B];
  WAVEHAX_UNROLL
  for (int b = 0; b < B; ++b) acc[b] = splat(0.0f);
  for (int j = 0; j < frames; ++j, weight += K * channels)
    add_taps<K>(acc, rows[j] + offset, weight, channels);
  WAVEHAX_UNROLL
  for (int b = 0; b < B; ++b) store(out + b * channels, acc[b]);
}

using DepthwiseTile = void (*)(const float* const* rows, int frames, int taps, const float* weight,
                               int channels, long offset, float* out);

// Returns the function for tiles of B bins.
template <int B>
static DepthwiseTile depthwise_tile(int taps) {
  switch (kWeightsInRegisters ? taps : 0) {
    case 3:
      return depthwise_fixed<3, B>;
    case 5:
      return depthwise_fixed<5, B>;
    case 7:
      return depthwise_fixed<7, B>;
    case 9:
      return depthwise_fixed<9, B>;
    case 11:
      return depthwise_fixed<11, B>;
    case 13:
      return depthwise_fixed<13, B>;
    case 15:
      return depthwise_fixed<15, B>;
    default:
      return depthwise_any<B>;
  }
}

// Divides the bins into tiles of kDepthwiseBins, with one of kRestBins at the end if that holds the
// remaining bins. The last tile begins early: computing some bins twice is faster than computing
// bins one by one. Fewer than kDepthwiseBins bins are computed one by one.
struct BinTiles {
  const int bins, whole, rest;
  const DepthwiseTile of_whole, of_rest;

  BinTiles(int bins, int taps)
      : bins(bins),
        whole(bins < kDepthwiseBins ? 1 : kDepthwiseBins),
        rest(bins < kDepthwiseBins ? 1 : kRestBins),
        of_whole(bins < kDepthwiseBins ? depthwise_any<1> : depthwise_tile<kDepthwiseBins>(taps)),
        of_rest(bins < kDepthwiseBins ? depthwise_any<1> : depthwise_tile<kRestBins>(taps)) {}

  int size(int first) const { return bins - first <= rest ? rest : whole; }
  int begin(int first) const { return first + size(first) <= bins ? first : bins - size(first); }
  DepthwiseTile convolve(int first) const { return bins - first <= rest ? of_rest : of_whole; }
};

// Convolves tile by tile of bins, each for all frames: the rows that they share are then read into
// the first-level cache once.
static void depthwise(const float* const* rows, int count, const BlockShape& s, const float* weight,
                      float* const* outs) {
  const BinTiles tiles(s.bins, s.taps);
  for (int f = 0; f < s.bins; f += tiles.size(f)) {
    const DepthwiseTile convolve = tiles.convolve(f);
    for (int c = 0; c < s.channels; c += kWidth) {
      const long offset = static_cast<long>(tiles.begin(f)) * s.channels + c;
      for (int i = 0; i < count; ++i)
        convolve(rows + i, s.frames, s.taps, weight + c, s.channels, offset, outs[i] + offset);
    }
  }
}

// Adds to acc[r][v] the sum over k of x[r * x_stride + k] * w[k][v], with `stride` floats between
// the rows of w. One pointer serves three rows, which lie 0, 1 and 2 strides from it. With a
// pointer for each, those of fourteen rows would not fit the registers and would be loaded again
// for every k.
template <int R, int V>
static inline void accumulate_rows(Vec (&acc)[R][V], const float* x, long x_stride, const float* w,
                                   int depth, int stride) {
  constexpr int kPointers = (R + 2) / 3;
  const float* from[kPointers];
  WAVEHAX_UNROLL
  for (int p = 0; p < kPointers; ++p) from[p] = x + 3 * p * x_stride;
  for (int k = 0; k < depth; ++k, w += stride) {
    Vec row[V];
    for (int v = 0; v < V; ++v) row[v] = load(w + v * kWidth);
    WAVEHAX_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vec xk = splat(from[r / 3][r % 3 * x_stride]);
      for (int v = 0; v < V; ++v) acc[r][v] = fma(xk, row[v], acc[r][v]);
    }
    WAVEHAX_UNROLL
    for (int p = 0; p < kPointers; ++p) {
      ++from[p];
      // Hides from the compiler how far apart the pointers are, or it would keep one for each row.
      asm("" : "+r"(from[p]));
    }
  }
}

// Computes one register tile of a product over `depth` with weights [depth][stride]: R rows, and V
// vectors of columns. With kHidden the result goes through gelu to `hidden`; otherwise it goes to
// `out` with the residual added.
template <int R, int V, bool kHidden>
static inline void mlp_tile(const float* x, int x_stride, const float* w, const float* bias,
                            int depth, int stride, float* hidden, const float* residual,
                            float* out) {
  Vec acc[R][V];
  WAVEHAX_UNROLL
  for (int r = 0; r < R; ++r) WAVEHAX_UNROLL
  for (int v = 0; v < V; ++v) acc[r][v] = load(bias + v * kWidth);
  accumulate_rows<R, V>(acc, x, x_stride, w, depth, stride);
  WAVEHAX_UNROLL
  for (int r = 0; r < R; ++r) WAVEHAX_UNROLL
  for (int v = 0; v < V; ++v) {
    const long at = static_cast<long>(r) * stride + v * kWidth;
    if (kHidden)
      store(hidden + at, gelu(acc[r][v]));
    else
      store(out + at, add(acc[r][v], load(residual + at)));
  }
}

// Computes V vectors of columns for all rows, in register tiles as high as fit.
template <int V, bool kHidden>
static inline void mlp_columns(const float* x, int x_stride, int rows, const float* w,
                               const float* bias, int depth, int stride, float* hidden,
                               const float* residual, float* out) {
  constexpr int kRows = kAccumulators / V < kDepthwiseBins ? kAccumulators / V : kDepthwiseBins;
  // Rows of a tile, if kDepthwiseBins rows are split evenly into tiles of at most kRows.
  constexpr int kEven = kDepthwiseBins / ((kDepthwiseBins + kRows - 1) / kRows);
  int r = 0;
  for (; r + kEven <= rows; r += kEven) {
    const long at = static_cast<long>(r) * stride;
    mlp_tile<kEven, V, kHidden>(x + r * x_stride, x_stride, w, bias, depth, stride, hidden + at,
                                residual + at, out + at);
  }
  constexpr int kRest = kEven < kRestBins ? kEven : kRestBins;
  for (; r + kRest <= rows; r += kRest) {
    const long at = static_cast<long>(r) * stride;
    mlp_tile<kRest, V, kHidden>(x + r * x_stride, x_stride, w, bias, depth, stride, hidden + at,
                                residual + at, out + at);
  }
  for (; r < rows; ++r) {
    const long at = static_cast<long>(r) * stride;
    mlp_tile<1, V, kHidden>(x + r * x_stride, x_stride, w, bias, depth, stride, hidden + at,
                            residual + at, out + at);
  }
}

template <bool kHidden>
static inline void mlp_product(const float* x, int x_stride, int rows, const float* w,
                               const float* bias, int depth, int columns, float* hidden,
                               const float* residual, float* out) {
  int c = 0;
  for (; c + kMlpVecs * kWidth <= columns; c += kMlpVecs * kWidth)
    mlp_columns<kMlpVecs, kHidden>(x, x_stride, rows, w + c, bias + c, depth, columns, hidden + c,
                                   residual + c, out + c);
  for (; c + 2 * kWidth <= columns; c += 2 * kWidth)
    mlp_columns<2, kHidden>(x, x_stride, rows, w + c, bias + c, depth, columns, hidden + c,
                            residual + c, out + c);
  for (; c < columns; c += kWidth)
    mlp_columns<1, kHidden>(x, x_stride, rows, w + c, bias + c, depth, columns, hidden + c,
                            residual + c, out + c);
}

// Computes at most kDepthwiseBins rows, so that their expansion stays in the first-level cache.
static inline void mlp_rows(const float* x, int rows, const BlockShape& s, const BlockWeights& w,
                            const float* residual, float* out, float* hidden) {
  mlp_product<true>(x, s.channels, rows, w.weight1, w.bias1, s.depth, s.expanded, hidden, x, out);
  mlp_product<false>(hidden, s.expanded, rows, w.weight2, w.bias2, s.used, s.channels, hidden,
                     residual, out);
}

static void mlp(const float* x, const BlockShape& s, const BlockWeights& w, const float* residual,
                float* out, float* scratch) {
  for (int f = 0; f < s.bins; f += kDepthwiseBins) {
    const long at = static_cast<long>(f) * s.channels;
    mlp_rows(x + at, s.bins - f < kDepthwiseBins ? s.bins - f : kDepthwiseBins, s, w, residual + at,
             out + at, scratch);
  }
}

// Goes tile by tile, like depthwise.
static void block(const float* const* rows, int count, const BlockShape& s, const BlockWeights& w,
                  const float* const* residuals, float* const* outs, float* scratch) {
  float *convolved = scratch, *hidden = scratch + kDepthwiseBins * s.channels;
  const BinTiles tiles(s.bins, s.taps);
  for (int f = 0; f < s.bins; f += tiles.size(f)) {
    const DepthwiseTile convolve = tiles.convolve(f);
    const long at = static_cast<long>(tiles.begin(f)) * s.channels;
    for (int i = 0; i < count; ++i) {
      for (int c = 0; c < s.channels; c += kWidth)
        convolve(rows + i, s.frames, s.taps, w.depthwise + c, s.channels, at + c, convolved + c);
      mlp_rows(convolved, tiles.size(f), s, w, residuals[i] + at, outs[i] + at, hidden);
    }
  }
}
