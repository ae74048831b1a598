// Multiplies bfloat16 matrices on AMX tiles, for the projections over time. Included by amx.cpp.

// Computes sixteen rows and at most four tiles of columns: several sums at once hide each other's
// latency.
#define ADD_PRODUCT(sum, i)                    \
  if (i < results) {                           \
    _tile_loadd(RIGHT, weight + i * step, 64); \
    _tile_dpbf16ps(sum, LEFT, RIGHT);          \
  }

static inline void project_four(const Bf16* x, int depth, const Bf16* weight, int results,
                                const float* start, long start_stride, long stride, float* out) {
  const long step = static_cast<long>(depth) * kTileSide;
  _tile_loadd(SUM0, start, start_stride);
  if (results > 1) _tile_loadd(SUM1, start + kTileSide, start_stride);
  if (results > 2) _tile_loadd(SUM2, start + 2 * kTileSide, start_stride);
  if (results > 3) _tile_loadd(SUM3, start + 3 * kTileSide, start_stride);
  for (int k = 0; k < depth; k += kTileDepth, weight += kTileSize) {
    _tile_loadd(LEFT, x + k, depth * sizeof(Bf16));
    ADD_PRODUCT(SUM0, 0)
    ADD_PRODUCT(SUM1, 1)
    ADD_PRODUCT(SUM2, 2)
    ADD_PRODUCT(SUM3, 3)
  }
  _tile_stored(SUM0, out, stride);
  if (results > 1) _tile_stored(SUM1, out + kTileSide, stride);
  if (results > 2) _tile_stored(SUM2, out + 2 * kTileSide, stride);
  if (results > 3) _tile_stored(SUM3, out + 3 * kTileSide, stride);
}

#undef ADD_PRODUCT

static void project(const Bf16* x, int rows, int depth, const Bf16* weight, const float* bias,
                    int columns, float* out) {
  const long stride = columns * static_cast<long>(sizeof(float));
  for (int first = 0; first < rows;
       first += kTileSide, x += kTileSide * depth, out += kTileSide * columns) {
    set_up(rows - first < kTileSide ? rows - first : kTileSide);
    for (int n = 0; n < columns; n += 4 * kTileSide) {
      const int results = (columns - n) / kTileSide < 4 ? (columns - n) / kTileSide : 4;
      const float* start = (bias != nullptr ? bias : out) + n;
      project_four(x, depth, weight + static_cast<long>(n) * depth, results, start,
                   bias != nullptr ? 0 : stride, stride, out + n);
    }
  }
  _tile_release();
}
