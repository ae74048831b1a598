// Depthwise convolution on matrix tiles. Included by amx.cpp.

// Sixteen neighbouring outputs of a channel are a row of 32 neighbouring inputs times a Toeplitz
// matrix of the taps. Neither needs a copy: rows of inputs begin sixteen bins apart in memory and
// overlap, and rows of the matrix begin two columns earlier each. All frames of a call use the same
// matrix.
#define CONVOLVE(sum, i)                                                 \
  if (i < count) {                                                       \
    _tile_loadd(LEFT, second_part(rows[j + i], s) + at + q * kTileDepth, \
                kTileSide * sizeof(Bf16));                               \
    _tile_dpbf16ps(sum, LEFT, RIGHT);                                    \
  }

static void convolve(const float* const* rows, int count, const TileShape& s,
                     const Bf16Pair* weight, long at, float* const* planes, long out, long stride) {
  _tile_zero(SUM0);
  _tile_zero(SUM1);
  _tile_zero(SUM2);
  _tile_zero(SUM3);
  for (int j = 0; j < s.frames; ++j, weight += s.diagonals())
    for (int q = 0; q < s.window_tiles(); ++q) {
      _tile_loadd(RIGHT, weight + s.diagonals() - kTileSide - q * kTileDepth,
                  -2 * static_cast<long>(sizeof(Bf16Pair)));
      CONVOLVE(SUM0, 0)
      CONVOLVE(SUM1, 1)
      CONVOLVE(SUM2, 2)
      CONVOLVE(SUM3, 3)
    }
  _tile_stored(SUM0, planes[0] + out, stride);
  if (count > 1) _tile_stored(SUM1, planes[1] + out, stride);
  if (count > 2) _tile_stored(SUM2, planes[2] + out, stride);
  if (count > 3) _tile_stored(SUM3, planes[3] + out, stride);
}

// Convolves 256 bins at a time. If one bin remains, as with an n_fft of 512, it is convolved by
// itself.
static void depthwise(const float* const* rows, int count, const TileShape& s, const TileWeights& w,
                      float* const* planes) {
  const bool alone = s.bins % (kTileSide * kTileSide) == 1;
  const int sides = s.columns() / kTileSide - alone;
  const long size = static_cast<long>(s.frames) * s.diagonals();
  for (int first = 0; first < sides; first += kTileSide) {
    set_up(sides - first < kTileSide ? sides - first : kTileSide);
    for (int c = 0; c < s.channels; ++c)
      convolve(rows, count, s, w.depthwise + c * size,
               static_cast<long>(c) * s.half_columns() + first * kTileSide, planes,
               (static_cast<long>(first) * s.channels + c) * kTileSide,
               s.channels * kTileSide * sizeof(float));
  }
  _tile_release();
  if (alone) convolve_bin(rows, count, s, w.taps, s.bins - 1, planes);
}
