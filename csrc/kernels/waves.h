// Sines and Gaussian noise for the prior. Included by body.h.

// Returns sin(2 pi u) for u in cycles, -0.5 <= u <= 0.5. The quarter cycle next to zero has all
// values, and an odd polynomial of degree 9 is within 5e-9 of the sine there. The larger error is
// that of rounding u to float32, 2^-26 of a cycle.
static inline Vec sine(Vec u) {
  const Vec t = min(max(u, sub(splat(-0.5f), u)), sub(splat(0.5f), u)), s = mul(t, t);
  Vec p = fma(splat(39.76164245605469f), s, splat(-76.5813980102539f));
  p = fma(p, s, splat(81.60248565673828f));
  p = fma(p, s, splat(-41.34168243408203f));
  return mul(t, fma(p, s, splat(6.2831854820251465f)));
}

static inline Vec load_cycles(const std::int32_t* angle) {
  return mul(load_ints(angle), splat(0x1p-32f));
}

// Gives 0 for c = 0 without a branch: the smallest other sine is 1.5e-9, and 1e-30 vanishes in its
// square.
static void sine_ratios(const std::int32_t* a, const std::int32_t* b, const std::int32_t* c,
                        float amplitude, int count, float* out) {
  for (int i = 0; i < count; i += kWidth) {
    const Vec divisor = sine(load_cycles(c + i));
    const Vec product = mul(mul(sine(load_cycles(a + i)), sine(load_cycles(b + i))), divisor);
    store(out + i, mul(splat(amplitude), div(product, fma(divisor, divisor, splat(1e-30f)))));
  }
}

// Returns log(x) for normal x > 0, within 1e-7 of max(1, |log x|): a minimax polynomial of degree 8
// in the mantissa, about 1.5.
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

static void gaussians(const std::int32_t* uniform, const std::int32_t* angle, int count,
                      float* cosine, float* sine_out) {
  for (int i = 0; i < count; i += kWidth) {
    const Vec log = logarithm(mul(load_ints(uniform + i), splat(0x1p-24f)));
    // Rounding near 1 must not make the argument negative.
    const Vec radius = sqrt(max(mul(splat(-2.0f), log), splat(0.0f)));
    const Vec u = load_cycles(angle + i);
    const Vec quarter_on = sub(splat(0.25f), abs(u));  // cos x = sin(pi / 2 - |x|)
    store(cosine + i, mul(radius, sine(quarter_on)));
    store(sine_out + i, mul(radius, sine(u)));
  }
}
