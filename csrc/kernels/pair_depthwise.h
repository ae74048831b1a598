// Depthwise convolution by products of pairs. Included by pair_kernels.h.
//
// A pair holds two neighbouring bins, and a product takes two taps of a channel at once. A vector
// of pairs, loaded from an even distance to the first of 32 outputs, serves the even outputs with
// taps (0, 1), (2, 3), ... and the odd ones with taps (none, 0), (1, 2), ... An odd number of taps
// T makes (T + 1) / 2 pairs either way, so 32 outputs take T + 1 products for each frame of the
// kernel. In float32 they would take 2 T multiply-adds, and as a Toeplitz product
// (tile_depthwise.h) more than twice as many products as here: 49, 91 and 112 instructions for 16
// outputs of a kernel of 13 x 7. Pairs over frames would save less (7 frames make 4 pairs), and
// would need a second copy of the rows.

constexpr int kPairedBins = 2 * kTileSide;  // bins of a vector of pairs

// Adds the products of one row x to frames First to Last - 1, whose weights of this row end at
// weight - i * step: the pair of taps k and k + 1 lies at -k.
template <int First, int Last, int F, int B>
static inline void add_row(Vec (&even)[F][B], Vec (&odd)[F][B], const Bf16* x, int taps,
                           const Bf16Pair* weight, long step) {
  for (int k = 0; k < taps; k += 2) {
    Words to_even[F], to_odd[F];
    WAVEHAX_UNROLL
    for (int i = First; i < Last; ++i) {
      to_even[i] = splat_pair(weight - i * step - k);
      to_odd[i] = splat_pair(weight - i * step - k + 1);
    }
    WAVEHAX_UNROLL
    for (int b = 0; b < B; ++b) {
      const Words bins = load_words(x + k + b * kPairedBins);
      WAVEHAX_UNROLL
      for (int i = First; i < Last; ++i) {
        even[i][b] = dot_pairs(even[i][b], bins, to_even[i]);
        odd[i][b] = dot_pairs(odd[i][b], bins, to_odd[i]);
      }
    }
  }
}

// Convolves F frames, one or two, at B * kPairedBins bins of one channel. `at` is their place in
// the second parts of the rows, `out` that of the first sixteen in the planes, and `stride` lies
// between sixteens. Two frames share the loads of their rows. If kHalf, only the first sixteen bins
// are stored.
template <int F, int B, bool kHalf = false>
static void convolve(const float* const* rows, const TileShape& s, const Bf16Pair* weight, long at,
                     float* const* planes, long out, long stride) {
  Vec even[F][B] = {}, odd[F][B] = {};
  const long step = s.diagonals();
  add_row<0, 1>(even, odd, second_part(rows[0], s) + at, s.taps, weight, step);
  for (int j = 1; j < s.frames; ++j)
    add_row<0, F>(even, odd, second_part(rows[j], s) + at, s.taps, weight + j * step, step);
  if (F == 2)
    add_row<F - 1, F>(even, odd, second_part(rows[s.frames], s) + at, s.taps,
                      weight + s.frames * step, step);
  for (int i = 0; i < F; ++i)
    for (int b = 0; b < B; ++b) {
      float* to = planes[i] + out + 2 * b * stride;
      store(to, interleaved(even[i][b], odd[i][b], 0));
      if (!kHalf) store(to + stride, interleaved(even[i][b], odd[i][b], 1));
    }
}

// Convolves `bins` bins of channel c, a multiple of sixteen. The last sixteen are computed with the
// sixteen before them, where there are any.
template <int F>
static void convolve_channel(const float* const* rows, const TileShape& s, const Bf16Pair* weight,
                             int c, int bins, float* const* planes) {
  constexpr int kMost = 8 / F;  // 16 sums hide the latency of a product
  const long at = static_cast<long>(c) * s.half_columns(), stride = s.channels * kTileSide,
             out = static_cast<long>(c) * kTileSide;
  int f = 0;
  for (; bins - f >= kMost * kPairedBins; f += kMost * kPairedBins)
    convolve<F, kMost>(rows, s, weight, at + f, planes, out + f / kTileSide * stride, stride);
  for (; bins - f >= 2 * kPairedBins; f += 2 * kPairedBins)
    convolve<F, 2>(rows, s, weight, at + f, planes, out + f / kTileSide * stride, stride);
  for (; bins - f >= kPairedBins; f += kPairedBins)
    convolve<F, 1>(rows, s, weight, at + f, planes, out + f / kTileSide * stride, stride);
  if (f == bins) return;
  if (f == 0) return convolve<F, 1, true>(rows, s, weight, at, planes, out, stride);
  f -= kTileSide;
  convolve<F, 1>(rows, s, weight, at + f, planes, out + f / kTileSide * stride, stride);
}

// If one bin remains, as with an n_fft of 512, it is convolved by itself.
static void depthwise(const float* const* rows, int count, const TileShape& s, const TileWeights& w,
                      float* const* planes) {
  const bool alone = s.bins % kPairedBins == 1;
  const int bins = s.columns() - (alone ? kTileSide : 0);
  for (int c = 0; c < s.channels; ++c) {
    // The pair of taps 0 and 1 of the first frame (TileWeights).
    const Bf16Pair* weight =
        w.depthwise + static_cast<long>(c) * s.frames * s.diagonals() + s.diagonals() - kTileSide;
    int i = 0;
    for (; i + 2 <= count; i += 2) convolve_channel<2>(rows + i, s, weight, c, bins, planes + i);
    if (i < count) convolve_channel<1>(rows + i, s, weight, c, bins, planes + i);
  }
  if (alone) convolve_bin(rows, count, s, w.taps, s.bins - 1, planes);
}
