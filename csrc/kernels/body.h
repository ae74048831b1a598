// Every kernel, once. Included inside the target region of an instruction set, after it has defined in an anonymous namespace
//   Vec, kWidth (floats in a Vec, a divisor of kLane), load, store, splat, add, sub, mul, div, fma(a, b, c) = a * b + c, abs,
//   min, max, sqrt, sum_lanes, load_ints (as floats), exponent and mantissa (x = mantissa * 2^exponent, 1 <= mantissa < 2, for
//   normal x > 0);
//   what bf16.h defines;
//   the register tiles: kAccumulators (Vecs that sum while weights and inputs still fit the registers), kMlpVecs,
//   kProjectRows, kDepthwiseBins and kWeightsInRegisters (whether kDepthwiseBins + 15 weights + 1 input fit the registers).
// Nothing here calls a function outside the region: an inlined copy compiled for a newer processor must never be shared.
// See table.h for what each kernel computes and for the layouts.

// Loops of constant length over registers must vanish, or the registers become memory.
#if defined(__clang__)
#define WAVEHAX_UNROLL _Pragma("clang loop unroll(full)")
#else
#define WAVEHAX_UNROLL _Pragma("GCC unroll 64")
#endif

// gelu(x) = max(x, 0) - a * Q(a) with a = |x| and Q the upper tail of the normal distribution: a polynomial to the power 32,
// minimax fit of degree 5 on [0, 5.5], where a * Q(a) has fallen to 1e-7. No division, no exponential; the error stays below
// 1.2e-6, float32 rounding included, and below 1.2e-6 of |x| near 0.
static inline Vec gelu(Vec x) {
  const Vec a = min(abs(x), splat(5.5f));
  Vec q = splat(-1.2939670341438614e-05f);
  q = fma(q, a, splat(0.0002488868485670537f));
  q = fma(q, a, splat(-0.0008951738127507269f));
  q = fma(q, a, splat(-0.00942001398652792f));
  q = fma(q, a, splat(-0.024401145055890083f));
  q = fma(q, a, splat(0.9785720705986023f));
  q = mul(q, q);
  q = mul(q, q);
  q = mul(q, q);
  q = mul(q, q);
  q = mul(q, q);
  return sub(max(x, splat(0.0f)), mul(a, q));
}

static void gelu_all(float* x, int count) {
  for (int i = 0; i < count; i += kWidth) store(x + i, gelu(load(x + i)));
}

// acc[r][v] += x[r][k] * row[v].
template <int R, int V>
static inline void add_term(Vec (&acc)[R][V], const float* const* x, int k, const Vec (&row)[V]) {
  for (int r = 0; r < R; ++r) {
    const Vec xk = splat(x[r][k]);
    for (int v = 0; v < V; ++v) acc[r][v] = fma(xk, row[v], acc[r][v]);
  }
}

// acc[r][v] += sum over k of x[r][k] * w[k][v], with `stride` floats between the rows of w.
template <int R, int V>
static inline void accumulate(Vec (&acc)[R][V], const float* const* x, const float* w, int depth, int stride) {
  for (int k = 0; k < depth; ++k, w += stride) {
    Vec row[V];
    for (int v = 0; v < V; ++v) row[v] = load(w + v * kWidth);
    add_term<R, V>(acc, x, k, row);
  }
}

// The terms that the next weights of P panels, of V vectors each and `panel` apart, belong to; their number.
template <int R, int V, int P>
static inline int add_weights(Vec (&acc)[R][P * V], const float* const* x, int k, const float* weight, long panel) {
  Vec row[P * V];
  for (int v = 0; v < P * V; ++v) row[v] = load(weight + v / V * panel + v % V * kWidth);
  add_term<R, P * V>(acc, x, k, row);
  return 1;
}

template <int R, int V, int P>
static inline int add_weights(Vec (&acc)[R][P * V], const float* const* x, int k, const Bf16Pair* weight, long panel) {
  Pairs pairs[P * V];
  Vec row[P * V];
  for (int v = 0; v < P * V; ++v) pairs[v] = load(weight + v / V * panel + v % V * kWidth);
  for (int v = 0; v < P * V; ++v) row[v] = first(pairs[v]);
  add_term<R, P * V>(acc, x, k, row);
  for (int v = 0; v < P * V; ++v) row[v] = second(pairs[v]);
  add_term<R, P * V>(acc, x, k + 1, row);
  return 2;
}

// R rows and P panels of V vectors. Few rows take several panels at once: one alone has too few sums to hide the latency of an
// addition, and waits for its weights, which are then fetched ahead.
template <int R, int V, int P, typename W>
static void project_tile(const float* const* inputs, int taps, int depth, const W* weight, long panel, const float* bias,
                         float* const* outputs, int column) {
  Vec acc[R][P * V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < P * V; ++v) acc[r][v] = load((bias != nullptr ? bias : outputs[r]) + column + v * kWidth);
  for (int j = 0; j < taps; ++j) {
    const float* x[R];
    for (int r = 0; r < R; ++r) x[r] = inputs[r * taps + j];
    for (int k = 0; k < depth; weight += V * kWidth) {
      if (R <= 2)
        for (int p = 0; p < P; ++p) __builtin_prefetch(weight + p * panel + 16 * kPanelWidth);
      k += add_weights<R, V, P>(acc, x, k, weight, panel);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < P * V; ++v) store(outputs[r] + column + v * kWidth, acc[r][v]);
}

// R rows of all columns; `column_size` weights a column.
template <int R, typename W>
static void project_rows(const float* const* inputs, int taps, int depth, const W* weight, long column_size, const float* bias,
                         int columns, float* const* outputs) {
  constexpr int kVecs = kPanelWidth / kWidth, kFit = kAccumulators / (R * kVecs), kPanels = kFit > 4 ? 4 : kFit > 1 ? kFit : 1;
  const long panel = column_size * kPanelWidth;
  int column = 0;
  for (; column + kPanels * kPanelWidth <= columns; column += kPanels * kPanelWidth)
    project_tile<R, kVecs, kPanels>(inputs, taps, depth, weight + column * column_size, panel, bias, outputs, column);
  for (; column + kPanelWidth <= columns; column += kPanelWidth)
    project_tile<R, kVecs, 1>(inputs, taps, depth, weight + column * column_size, panel, bias, outputs, column);
  if (column < columns)
    project_tile<R, kLane / kWidth, 1>(inputs, taps, depth, weight + column * column_size, panel, bias, outputs, column);
}

template <typename W>
static void project_all(const float* const* inputs, int rows, int taps, int depth, const W* weight, long column_size,
                        const float* bias, int columns, float* const* outputs) {
  int r = 0;
  for (; r + kProjectRows <= rows; r += kProjectRows)
    project_rows<kProjectRows>(inputs + r * taps, taps, depth, weight, column_size, bias, columns, outputs + r);
  for (; r + 4 <= rows; r += 4) project_rows<4>(inputs + r * taps, taps, depth, weight, column_size, bias, columns, outputs + r);
  for (; r + 2 <= rows; r += 2) project_rows<2>(inputs + r * taps, taps, depth, weight, column_size, bias, columns, outputs + r);
  for (; r < rows; ++r) project_rows<1>(inputs + r * taps, taps, depth, weight, column_size, bias, columns, outputs + r);
}

static void project(const float* const* inputs, int rows, int taps, int depth, const float* weight, const float* bias,
                    int columns, float* const* outputs) {
  project_all(inputs, rows, taps, depth, weight, static_cast<long>(taps) * depth, bias, columns, outputs);
}

static void project_bf16(const float* const* inputs, int rows, int taps, int depth, const Bf16Pair* weight, const float* bias,
                         int columns, float* const* outputs) {
  project_all(inputs, rows, taps, depth, weight, static_cast<long>(taps) * depth / 2, bias, columns, outputs);
}

static void mix(const float* const* planes, int count, const float* weight, const float* bias, int bins, int channels,
                float* out) {
  for (int f = 0; f < bins; ++f, out += channels) {
    for (int c = 0; c < channels; c += kWidth) {
      Vec acc = load(bias + c);
      for (int i = 0; i < count; ++i) acc = fma(splat(planes[i][f]), load(weight + i * channels + c), acc);
      store(out + c, acc);
    }
  }
}

static void unmix(const float* x, const float* weight, const float* bias, int count, int bins, int channels,
                  float* const* out) {
  for (int f = 0; f < bins; ++f, x += channels) {
    for (int i = 0; i < count; ++i) {
      const float* w = weight + i * channels;
      Vec acc = mul(load(x), load(w));
      for (int c = kWidth; c < channels; c += kWidth) acc = fma(load(x + c), load(w + c), acc);
      out[i][f] = sum_lanes(acc) + bias[i];
    }
  }
}

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

static void affine(float* x, const float* scale, const float* shift, int bins, int channels) {
  for (int f = 0; f < bins; ++f, x += channels)
    for (int c = 0; c < channels; c += kWidth) store(x + c, fma(load(x + c), load(scale + c), load(shift + c)));
}

// Partial sums stay short (kLane a vector, one frame), so float32 lanes lose nothing that matters.
static double sum(const float* x, int bins, int channels) {
  Vec acc = splat(0.0f);
  const long count = static_cast<long>(bins) * channels;
  for (long i = 0; i < count; i += kWidth) acc = add(acc, load(x + i));
  return sum_lanes(acc);
}

static double sum_squares(const float* x, float mean, const float* mask, int bins, int channels) {
  Vec acc = splat(0.0f);
  for (int f = 0; f < bins; ++f, x += channels)
    for (int c = 0; c < channels; c += kWidth) {
      const Vec d = mul(sub(load(x + c), splat(mean)), load(mask + c));
      acc = fma(d, d, acc);
    }
  return sum_lanes(acc);
}

// sin(2 pi u) for u in cycles, -0.5 <= u <= 0.5: the quarter next to zero holds the same values, and there an odd polynomial of
// degree 9 is within 5e-9 of x. What remains is the rounding of u, 2^-26 of a cycle.
static inline Vec sine(Vec u) {
  const Vec t = min(max(u, sub(splat(-0.5f), u)), sub(splat(0.5f), u)), s = mul(t, t);
  Vec p = fma(splat(39.76164245605469f), s, splat(-76.5813980102539f));
  p = fma(p, s, splat(81.60248565673828f));
  p = fma(p, s, splat(-41.34168243408203f));
  return mul(t, fma(p, s, splat(6.2831854820251465f)));
}

static inline Vec load_cycles(const std::int32_t* angle) { return mul(load_ints(angle), splat(0x1p-32f)); }

// c = 0 gives 0 without a branch: the smallest other sine is 1.5e-9, whose square drowns 1e-30.
static void sine_ratios(const std::int32_t* a, const std::int32_t* b, const std::int32_t* c, float amplitude, int count,
                        float* out) {
  for (int i = 0; i < count; i += kWidth) {
    const Vec divisor = sine(load_cycles(c + i));
    const Vec product = mul(mul(sine(load_cycles(a + i)), sine(load_cycles(b + i))), divisor);
    store(out + i, mul(splat(amplitude), div(product, fma(divisor, divisor, splat(1e-30f)))));
  }
}

// log(x) for normal x > 0, to 1e-7 of max(1, |log x|): minimax polynomial of degree 8 in the mantissa about 1.5.
static inline Vec logarithm(Vec x) {
  const Vec t = sub(mantissa(x), splat(1.5f));
  Vec p = fma(splat(-0.006299951579421759f), t, splat(0.010243890807032585f));
  p = fma(p, t, splat(-0.014264103956520557f));
  p = fma(p, t, splat(0.025967301800847054f));
  p = fma(p, t, splat(-0.049421217292547226f));
  p = fma(p, t, splat(0.09879175573587418f));
  p = fma(p, t, splat(-0.2222207933664322f));
  p = fma(p, t, splat(0.6666661500930786f));
  p = fma(p, t, splat(0.40546509623527527f));
  return fma(exponent(x), splat(0.6931471805599453f), p);
}

static void gaussians(const std::int32_t* uniform, const std::int32_t* angle, int count, float* cosine, float* sine_out) {
  for (int i = 0; i < count; i += kWidth) {
    const Vec log = logarithm(mul(load_ints(uniform + i), splat(0x1p-24f)));
    const Vec radius = sqrt(max(mul(splat(-2.0f), log), splat(0.0f)));  // rounding near 1 must not turn negative
    const Vec u = load_cycles(angle + i);
    const Vec quarter_on = sub(splat(0.25f), abs(u));  // cos x = sin(pi / 2 - |x|)
    store(cosine + i, mul(radius, sine(quarter_on)));
    store(sine_out + i, mul(radius, sine(u)));
  }
}

static float multiply_adds(std::int64_t rounds) {
  constexpr int kVecs = kPeakSums * kLane / kWidth, kSums = kVecs < kPeakSums ? kVecs : kPeakSums;
  Vec sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = splat(static_cast<float>(i));
  const Vec factor = splat(0.5f);
  for (std::int64_t n = 0; n < rounds * (kVecs / kSums); ++n) {
    WAVEHAX_UNROLL
    for (int i = 0; i < kSums; ++i) sums[i] = fma(sums[i], factor, factor);
  }
  for (int i = 1; i < kSums; ++i) sums[0] = add(sums[0], sums[i]);
  return sum_lanes(sums[0]);
}
