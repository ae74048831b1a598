// The second part of a row, its bins in bfloat16 (tiles.h). Included by amx.cpp and
// pair_kernels.h.

static inline Bf16* second_part(float* row, const TileShape& s) {
  return reinterpret_cast<Bf16*>(row + s.planes_size());
}
static inline const Bf16* second_part(const float* row, const TileShape& s) {
  return reinterpret_cast<const Bf16*>(row + s.planes_size());
}

// Fills the second part of a row to both sides of its bins: mirrored bins, then zeros.
static void mirror_ends(float* row, const TileShape& s) {
  for (int c = 0; c < s.channels; ++c) {
    Bf16 *first = second_part(row, s) + c * s.half_columns() + s.mirrored(),
         *last = first + s.bins - 1;
    for (int i = 1; i <= s.mirrored(); ++i) {
      first[-i] = first[i];
      last[i] = last[-i];
    }
    for (int f = s.bins + s.mirrored(); f < s.columns(); ++f) first[f] = 0;
  }
}

static void mirror(float* row, const TileShape& s) {
  for (int f = 0; f < s.columns(); f += kTileSide)
    for (int c = 0; c < s.channels; ++c)
      store_rounded(second_part(row, s) + c * s.half_columns() + s.mirrored() + f,
                    load(row + static_cast<long>(f) * s.channels + c * kTileSide));
  mirror_ends(row, s);
}

static void round(const float* x, int count, Bf16* out) {
  for (int i = 0; i < count; i += kTileSide) store_rounded(out + i, load(x + i));
}

// Convolves one bin, with weights in float32. A vector or a tile would take as long for one
// bin as for all of its bins.
static void convolve_bin(const float* const* rows, int count, const TileShape& s, const float* taps,
                         int bin, float* const* planes) {
  for (int i = 0; i < count; ++i)
    for (int c = 0; c < s.channels; ++c) {
      const float* w = taps + static_cast<long>(c) * s.frames * padded(s.taps);
      Vec acc = splat(0.0f);
      for (int j = 0; j < s.frames; ++j)
        for (int k = 0; k < s.taps; k += kTileSide, w += kTileSide) {
          const Bf16* x = second_part(rows[i + j], s) + c * s.half_columns() + bin + k;
          acc = fma(load_widened(x), load(w), acc);
        }
      planes[i][static_cast<long>(bin) * s.channels + c * kTileSide] = sum_lanes(acc);
    }
}
