// Fourier transform of real signals of any even length. It is fastest for lengths whose only
// factors are 2, 3 and 5.
#pragma once

#include <vector>

namespace wavehax {

// The plan of one length. It is immutable; callers bring `scratch`, so that one plan serves many
// threads.
class RealFft {
 public:
  explicit RealFft(int size);  // even, at least 2

  int size() const { return size_; }
  int scratch_size() const { return 2 * size_; }  // in floats

  // Computes re[k] + i im[k] = sum over n of x[n] exp(-2 pi i k n / size), k = 0 .. size / 2.
  void forward(const float* x, float* re, float* im, float* scratch) const;

  // Computes x[n] = (1 / size) times the sum over the two-sided spectrum. re and im hold its half k
  // = 0 .. size / 2; im[0] and im[size / 2] are ignored.
  void inverse(const float* re, const float* im, float* x, float* scratch) const;

 private:
  struct Stage {
    // `stride` interleaved transforms remain, each of size radix * groups.
    int radix, groups, stride;
    // [radix - 1][groups]: the twiddle factors exp(-2 pi i r p / (radix * groups)).
    std::vector<float> cos, sin;
    // [radix]: the roots of unity, for radices without a butterfly of their own.
    std::vector<float> root_cos, root_sin;
  };

  void transform(float* re, float* im, float* re2, float* im2) const;
  static void run(const Stage& stage, const float* re, const float* im, float* out_re,
                  float* out_im);

  int size_;
  std::vector<Stage> stages_;
  // [size / 2 + 1]: exp(-2 pi i k / size), which turn the complex transform of half the length into
  // the real one.
  std::vector<float> cos_, sin_;
};

}  // namespace wavehax
