// Every kernel, once. Included inside the target region of an instruction set, after it has defined in an anonymous namespace
//   Vec, kWidth (floats in a Vec, a divisor of kLane), load, store, splat, add, sub, mul, div, fma(a, b, c) = a * b + c, abs,
//   min, max, sqrt, sum_lanes, load_ints (as floats), exponent and mantissa (x = mantissa * 2^exponent, 1 <= mantissa < 2, for
//   normal x > 0), and the register tiles: kMlpRows x kMlpVecs, kProjectRows, kDepthwiseBins and kWeightsInRegisters (whether
//   kDepthwiseBins + 15 weights + 1 input fit the registers).
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

// acc[r][v] += sum over k of x[r][k] * w[k][v], with `stride` floats between the rows of w.
template <int R, int V>
static inline void accumulate(Vec (&acc)[R][V], const float* const* x, const float* w, int depth, int stride) {
  for (int k = 0; k < depth; ++k, w += stride) {
    Vec row[V];
    for (int v = 0; v < V; ++v) row[v] = load(w + v * kWidth);
    for (int r = 0; r < R; ++r) {
      const Vec xk = splat(x[r][k]);
      for (int v = 0; v < V; ++v) acc[r][v] = fma(xk, row[v], acc[r][v]);
    }
  }
}

template <int R, int V>
static void project_tile(const float* const* inputs, int taps, int depth, const float* weight, const float* bias,
                         float* const* outputs, int column) {
  Vec acc[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) acc[r][v] = load(bias + column + v * kWidth);
  for (int j = 0; j < taps; ++j) {
    const float* x[R];
    for (int r = 0; r < R; ++r) x[r] = inputs[r * taps + j];
    accumulate<R, V>(acc, x, weight, depth, V * kWidth);
    weight += depth * V * kWidth;
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(outputs[r] + column + v * kWidth, acc[r][v]);
}

template <int V>
static void project_panel(const float* const* inputs, int rows, int taps, int depth, const float* weight,
                          const float* bias, float* const* outputs, int column) {
  int r = 0;
  for (; r + kProjectRows <= rows; r += kProjectRows)
    project_tile<kProjectRows, V>(inputs + r * taps, taps, depth, weight, bias, outputs + r, column);
  for (; r + 2 <= rows; r += 2) project_tile<2, V>(inputs + r * taps, taps, depth, weight, bias, outputs + r, column);
  for (; r < rows; ++r) project_tile<1, V>(inputs + r * taps, taps, depth, weight, bias, outputs + r, column);
}

static void project(const float* const* inputs, int rows, int taps, int depth, const float* weight, const float* bias,
                    int columns, float* const* outputs) {
  for (int column = 0; column < columns; column += kPanelWidth) {
    const float* panel = weight + static_cast<long>(column) * taps * depth;
    if (columns - column >= kPanelWidth)
      project_panel<kPanelWidth / kWidth>(inputs, rows, taps, depth, panel, bias, outputs, column);
    else
      project_panel<kLane / kWidth>(inputs, rows, taps, depth, panel, bias, outputs, column);
  }
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
static inline void depthwise_tile(const float* const* rows, int frames, int taps, const float* weight, int channels,
                                  long offset, float* out) {
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
// The order of the additions is that of depthwise_tile.
template <int B, int K>
static void depthwise_tile_in_registers(const float* const* rows, int frames, const float* weight, int channels, long offset,
                                        float* out) {
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
        if (p - b >= 0 && p - b < K) acc[b] = fma(xp, w[p - b], acc[b]);
    }
  }
  for (int b = 0; b < B; ++b) store(out + b * channels, acc[b]);
}

// All bins in tiles of B; the last tile begins early and computes some bins again rather than one by one.
template <int B, int K>
static void depthwise_bins(const float* const* rows, int frames, int taps, const float* weight, int bins, int channels,
                           float* out) {
  for (int f = 0; f < bins; f += B) {
    const int first = f + B <= bins ? f : bins - B;
    for (int c = 0; c < channels; c += kWidth) {
      const long offset = static_cast<long>(first) * channels + c;
      if (K > 0)
        depthwise_tile_in_registers<B, K>(rows, frames, weight + c, channels, offset, out + offset);
      else
        depthwise_tile<B>(rows, frames, taps, weight + c, channels, offset, out + offset);
    }
  }
}

static void depthwise(const float* const* rows, int frames, int taps, const float* weight, int bins, int channels,
                      float* out) {
  if (bins < kDepthwiseBins) return depthwise_bins<1, 0>(rows, frames, taps, weight, bins, channels, out);
#define WAVEHAX_CASE(K) \
  case K: return depthwise_bins<kDepthwiseBins, K>(rows, frames, taps, weight, bins, channels, out)
  switch (kWeightsInRegisters ? taps : 0) {
    WAVEHAX_CASE(3);
    WAVEHAX_CASE(5);
    WAVEHAX_CASE(7);
    WAVEHAX_CASE(9);
    WAVEHAX_CASE(11);
    WAVEHAX_CASE(13);
    WAVEHAX_CASE(15);
    default: return depthwise_bins<kDepthwiseBins, 0>(rows, frames, taps, weight, bins, channels, out);
  }
#undef WAVEHAX_CASE
}

// One register tile of a product over `depth` with weights [depth][stride]: R rows, V vectors of columns.
template <int R, int V, bool kGelu>
static inline void mlp_tile(const float* x, int x_stride, const float* w, const float* bias, int depth, int stride,
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
      const Vec y = kGelu ? gelu(acc[r][v]) : add(acc[r][v], load(residual + r * stride + v * kWidth));
      store(out + r * stride + v * kWidth, y);
    }
}

template <int R, bool kGelu>
static inline void mlp_product(const float* x, int x_stride, const float* w, const float* bias, int depth, int columns,
                               const float* residual, float* out) {
  int c = 0;
  for (; c + kMlpVecs * kWidth <= columns; c += kMlpVecs * kWidth)
    mlp_tile<R, kMlpVecs, kGelu>(x, x_stride, w + c, bias + c, depth, columns, residual + c, out + c);
  for (; c < columns; c += kWidth)
    mlp_tile<R, 1, kGelu>(x, x_stride, w + c, bias + c, depth, columns, residual + c, out + c);
}

template <int R>
static inline void mlp_rows(const float* x, const float* w1, const float* b1, const float* w2, const float* b2,
                            int channels, int depth, int expanded, int used, const float* residual, float* out) {
  alignas(64) float hidden[R * kMaxExpanded];
  mlp_product<R, true>(x, channels, w1, b1, depth, expanded, b1, hidden);
  mlp_product<R, false>(hidden, expanded, w2, b2, used, channels, residual, out);
}

static void mlp(const float* x, const float* w1, const float* b1, const float* w2, const float* b2, int bins,
                int channels, int depth, int expanded, int used, const float* residual, float* out) {
  int f = 0;
  for (; f + kMlpRows <= bins; f += kMlpRows) {
    const long at = static_cast<long>(f) * channels;
    mlp_rows<kMlpRows>(x + at, w1, b1, w2, b2, channels, depth, expanded, used, residual + at, out + at);
  }
  for (; f < bins; ++f) {
    const long at = static_cast<long>(f) * channels;
    mlp_rows<1>(x + at, w1, b1, w2, b2, channels, depth, expanded, used, residual + at, out + at);
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
