// The projections over time. Included by body.h.

// Accumulates one step in depth (float32) or two (pairs of bfloat16) for P panels of V vectors
// each, which lie `panel` apart. Returns the number of steps.
template <int R, int V, int P>
static inline int add_weights(Vec (&acc)[R][P * V], const float* const* x, int k,
                              const float* weight, long panel) {
  Vec row[P * V];
  for (int v = 0; v < P * V; ++v) row[v] = load(weight + v / V * panel + v % V * kWidth);
  add_term<R, P * V>(acc, x, k, row);
  return 1;
}

template <int R, int V, int P>
static inline int add_weights(Vec (&acc)[R][P * V], const float* const* x, int k,
                              const Bf16Pair* weight, long panel) {
  Pairs pairs[P * V];
  Vec row[P * V];
  for (int v = 0; v < P * V; ++v) pairs[v] = load(weight + v / V * panel + v % V * kWidth);
  for (int v = 0; v < P * V; ++v) row[v] = first(pairs[v]);
  add_term<R, P * V>(acc, x, k, row);
  for (int v = 0; v < P * V; ++v) row[v] = second(pairs[v]);
  add_term<R, P * V>(acc, x, k + 1, row);
  return 2;
}

// Computes R rows and P panels of V vectors. Few rows take several panels at once: one panel alone
// has too few sums to hide the latency of an addition, and waits for its weights. With one or two
// rows weights are therefore prefetched, 16 steps ahead.
template <int R, int V, int P, typename W>
static void project_tile(const float* const* inputs, int taps, int depth, const W* weight,
                         long panel, const float* bias, float* const* outputs, int column) {
  Vec acc[R][P * V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < P * V; ++v)
      acc[r][v] = load((bias != nullptr ? bias : outputs[r]) + column + v * kWidth);
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

// Computes all columns of R rows; a column has `column_size` weights.
template <int R, typename W>
static void project_rows(const float* const* inputs, int taps, int depth, const W* weight,
                         long column_size, const float* bias, int columns, float* const* outputs) {
  constexpr int kVecs = kPanelWidth / kWidth, kFit = kAccumulators / (R * kVecs),
                kPanels = kFit > 4   ? 4
                          : kFit > 1 ? kFit
                                     : 1;
  const long panel = column_size * kPanelWidth;
  int column = 0;
  for (; column + kPanels * kPanelWidth <= columns; column += kPanels * kPanelWidth)
    project_tile<R, kVecs, kPanels>(inputs, taps, depth, weight + column * column_size, panel, bias,
                                    outputs, column);
  for (; column + kPanelWidth <= columns; column += kPanelWidth)
    project_tile<R, kVecs, 1>(inputs, taps, depth, weight + column * column_size, panel, bias,
                              outputs, column);
  if (column < columns)
    project_tile<R, kLane / kWidth, 1>(inputs, taps, depth, weight + column * column_size, panel,
                                       bias, outputs, column);
}

template <typename W>
static void project_all(const float* const* inputs, int rows, int taps, int depth, const W* weight,
                        long column_size, const float* bias, int columns, float* const* outputs) {
  int r = 0;
  for (; r + kProjectRows <= rows; r += kProjectRows)
    project_rows<kProjectRows>(inputs + r * taps, taps, depth, weight, column_size, bias, columns,
                               outputs + r);
  for (; r + 4 <= rows; r += 4)
    project_rows<4>(inputs + r * taps, taps, depth, weight, column_size, bias, columns,
                    outputs + r);
  for (; r + 2 <= rows; r += 2)
    project_rows<2>(inputs + r * taps, taps, depth, weight, column_size, bias, columns,
                    outputs + r);
  for (; r < rows; ++r)
    project_rows<1>(inputs + r * taps, taps, depth, weight, column_size, bias, columns,
                    outputs + r);
}

static void project(const float* const* inputs, int rows, int taps, int depth, const float* weight,
                    const float* bias, int columns, float* const* outputs) {
  project_all(inputs, rows, taps, depth, weight, static_cast<long>(taps) * depth, bias, columns,
              outputs);
}

static void project_bf16(const float* const* inputs, int rows, int taps, int depth,
                         const Bf16Pair* weight, const float* bias, int columns,
                         float* const* outputs) {
  project_all(inputs, rows, taps, depth, weight, static_cast<long>(taps) * depth / 2, bias, columns,
              outputs);
}
