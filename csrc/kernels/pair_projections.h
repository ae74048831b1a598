// Multiplies bfloat16 matrices by products of pairs, for the projections over time. Included by
// pair_kernels.h.

// Computes R rows and V tiles of columns, whose weights lie `step` apart. With one or two rows,
// which wait for their weights, these are prefetched as in projections.h.
template <int R, int V>
static void project_tile(const Bf16* x, int depth, const Bf16* weight, long step,
                         const float* start, long start_stride, long stride, float* out) {
  Vec sums[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) sums[r][v] = load(start + r * start_stride + v * kTileSide);
  for (int k = 0; k < depth; k += 2, weight += 2 * kTileSide) {
    Words row[V];
    WAVEHAX_UNROLL
    for (int v = 0; v < V; ++v) {
      if (R <= 2) __builtin_prefetch(weight + v * step + kTileSize);
      row[v] = load_words(weight + v * step);
    }
    WAVEHAX_UNROLL
    for (int r = 0; r < R; ++r) {
      const Words terms = splat_pair(x + static_cast<long>(r) * depth + k);
      WAVEHAX_UNROLL
      for (int v = 0; v < V; ++v) sums[r][v] = dot_pairs(sums[r][v], terms, row[v]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(out + r * stride + v * kTileSide, sums[r][v]);
}

// Computes all columns of R rows, V tiles at a time. 257, 513 and 1025 bins are 17, 33 and 65
// tiles: one more than a multiple of 16, and the last tile goes with those before it where the
// registers allow. Alone it would have too few sums to hide the latency of a product.
template <int R, int V>
static void project_rows(const Bf16* x, int depth, const Bf16* weight, const float* bias,
                         int columns, float* out) {
  constexpr int kLast = R * (V + 1) <= 24 ? V + 1 : V;
  const long step = static_cast<long>(depth) * kTileSide, start_stride = bias ? 0 : columns;
  const float* start = bias != nullptr ? bias : out;
  int n = 0;
  for (; columns - n > kLast * kTileSide; n += V * kTileSide)
    project_tile<R, V>(x, depth, weight + static_cast<long>(n) * depth, step, start + n,
                       start_stride, columns, out + n);
  if (columns - n == kLast * kTileSide) {
    project_tile<R, kLast>(x, depth, weight + static_cast<long>(n) * depth, step, start + n,
                           start_stride, columns, out + n);
    return;
  }
  for (; columns - n >= 3 * kTileSide; n += 3 * kTileSide)
    project_tile<R, 3>(x, depth, weight + static_cast<long>(n) * depth, step, start + n,
                       start_stride, columns, out + n);
  for (; n < columns; n += kTileSide)
    project_tile<R, 1>(x, depth, weight + static_cast<long>(n) * depth, step, start + n,
                       start_stride, columns, out + n);
}

static void project(const Bf16* x, int rows, int depth, const Bf16* weight, const float* bias,
                    int columns, float* out) {
  for (; rows >= 8; rows -= 8, x += 8L * depth, out += 8L * columns)
    project_rows<8, 3>(x, depth, weight, bias, columns, out);
  for (; rows >= 4; rows -= 4, x += 4L * depth, out += 4L * columns)
    project_rows<4, 4>(x, depth, weight, bias, columns, out);
  for (; rows >= 2; rows -= 2, x += 2L * depth, out += 2L * columns)
    project_rows<2, 8>(x, depth, weight, bias, columns, out);
  for (; rows >= 1; --rows, x += depth, out += columns)
    project_rows<1, 8>(x, depth, weight, bias, columns, out);
}
