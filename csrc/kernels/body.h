// Every kernel, once. Included inside the target region of an instruction set, after it has defined in an anonymous namespace
//   Vec, kWidth (floats in a Vec, a divisor of kLane), load, store, splat, add, sub, mul, div, fma(a, b, c) = a * b + c,
//   min, max, sum_lanes, and the register tile kMlpRows x kMlpVecs and kProjectRows.
// Nothing here calls a function outside the region: an inlined copy compiled for a newer processor must never be shared.
// See table.h for what each kernel computes and for the layouts.

// Rational approximation of erf(x / sqrt 2) / 2 = x * P(x^2) / Q(x^2) on |x| <= 5.4 (Lawson fit of degree 4 over 5; beyond,
// erf differs from 1 by less than 7e-8). The error of gelu is below 1.2e-6, float32 rounding included.
static inline Vec gelu(Vec x) {
  const Vec z = min(max(x, splat(-5.4f)), splat(5.4f));
  const Vec u = mul(z, z);
  Vec p = splat(9.243333806807641e-06f);
  p = fma(p, u, splat(0.0005090931663289666f));
  p = fma(p, u, splat(0.006726565770804882f));
  p = fma(p, u, splat(0.06660479307174683f));
  p = fma(p, u, splat(0.3989385962486267f));
  Vec q = splat(7.50636047541775e-07f);
  q = fma(q, u, splat(0.00018604339857120067f));
  q = fma(q, u, splat(0.0037949986290186644f));
  q = fma(q, u, splat(0.047510843724012375f));
  q = fma(q, u, splat(0.33358198404312134f));
  q = fma(q, u, splat(1.0f));
  return mul(x, fma(z, div(p, q), splat(0.5f)));
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

// B bins of one vector of channels: the weights are loaded once for all of them.
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

static void depthwise(const float* const* rows, int frames, int taps, const float* weight, int bins, int channels,
                      float* out) {
  int f = 0;
  for (; f + kDepthwiseBins <= bins; f += kDepthwiseBins)
    for (int c = 0; c < channels; c += kWidth) {
      const long offset = static_cast<long>(f) * channels + c;
      depthwise_tile<kDepthwiseBins>(rows, frames, taps, weight + c, channels, offset, out + offset);
    }
  for (; f < bins; ++f)
    for (int c = 0; c < channels; c += kWidth) {
      const long offset = static_cast<long>(f) * channels + c;
      depthwise_tile<1>(rows, frames, taps, weight + c, channels, offset, out + offset);
    }
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
