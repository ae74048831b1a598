// What the pointwise layers have in common: gelu, and the packing of their input. Included by
// amx.cpp and pair_kernels.h.

// Coefficients of gelu as a quadratic polynomial on each of 31 equal pieces of [-4.5, 4.5], from
// index 1 on. They are minimax fits; beyond both ends the polynomials are 0 and x. The error is
// within 1e-4, which is small against the rounding of the result to bfloat16.
alignas(64) constexpr float kGeluConstant[32] = {0.0f,
                                                 0.0f,
                                                 -0.0144541822f,
                                                 -0.0333545059f,
                                                 -0.0690485165f,
                                                 -0.127959415f,
                                                 -0.210909635f,
                                                 -0.307019889f,
                                                 -0.390966177f,
                                                 -0.429811805f,
                                                 -0.399808913f,
                                                 -0.305340499f,
                                                 -0.181850702f,
                                                 -0.0766262636f,
                                                 -0.0182798654f,
                                                 -0.00114228576f,
                                                 3.66456516e-06f,
                                                 -0.00114228576f,
                                                 -0.0182798654f,
                                                 -0.0766262636f,
                                                 -0.181850612f,
                                                 -0.305347025f,
                                                 -0.399808913f,
                                                 -0.429811805f,
                                                 -0.390966177f,
                                                 -0.307019889f,
                                                 -0.21092245f,
                                                 -0.12799117f,
                                                 -0.069074586f,
                                                 -0.0333056077f,
                                                 -0.0144313127f,
                                                 0.0f};
alignas(64) constexpr float kGeluLinear[32] = {
    0.0f,          0.0f,          -0.00665498804f, -0.0163467601f, -0.0361063033f, -0.0715342313f,
    -0.126126677f, -0.195942193f, -0.263890296f,   -0.299079865f,  -0.266244769f,  -0.146461681f,
    0.043986626f,  0.251694083f,  0.411594033f,    0.487777084f,   0.500000179f,   0.512222886f,
    0.588405967f,  0.748305917f,  0.956013203f,    1.14647055f,    1.26624477f,    1.2990799f,
    1.26389027f,   1.19594216f,   1.12613559f,     1.07155418f,    1.03612125f,    1.01632082f,
    1.00664377f,   1.0f};
alignas(64) constexpr float kGeluQuadratic[32] = {0.0f,
                                                  0.0f,
                                                  -0.000768318423f,
                                                  -0.0020108805f,
                                                  -0.00474582845f,
                                                  -0.0100730257f,
                                                  -0.0190569349f,
                                                  -0.0317384675f,
                                                  -0.0454919636f,
                                                  -0.0534625277f,
                                                  -0.0444830321f,
                                                  -0.00649170997f,
                                                  0.0670077577f,
                                                  0.169679582f,
                                                  0.27958712f,
                                                  0.36493057f,
                                                  0.397546321f,
                                                  0.36493057f,
                                                  0.27958712f,
                                                  0.169679582f,
                                                  0.0670078322f,
                                                  -0.00649468508f,
                                                  -0.0444830321f,
                                                  -0.0534625277f,
                                                  -0.0454919636f,
                                                  -0.0317384675f,
                                                  -0.0190585013f,
                                                  -0.0100761466f,
                                                  -0.00474798121f,
                                                  -0.0020074402f,
                                                  -0.000766933721f,
                                                  0.0f};

static inline Vec gelu(Vec x) {
  // Adding 1.5 * 2^23 leaves the index of the piece in the last bits.
  const Vec piece = fma(clamped(x, 4.4999f), splat(31.0f / 9.0f), splat(0x1.8p23f + 16.0f));
  return fma(fma(lookup(kGeluQuadratic, piece), x, lookup(kGeluLinear, piece)), x,
             lookup(kGeluConstant, piece));
}

// Scales and shifts the channels of 16 bins, if `scale` is given, and packs every two of them into
// a pair of bfloat16, [channels / 2][16].
static inline void pack_input(const float* x, int channels, const float* scale, const float* shift,
                              std::uint32_t* pairs) {
  for (int c = 0; c < channels; c += 2, x += 2 * kTileSide, pairs += kTileSide) {
    Vec a = load(x), b = load(x + kTileSide);
    if (scale != nullptr) {
      a = fma(a, splat(scale[c]), splat(shift[c]));
      b = fma(b, splat(scale[c + 1]), splat(shift[c + 1]));
    }
    store_words(pairs, pair(a, b));
  }
}
