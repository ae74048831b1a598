// Fourier transform of real signals of any even length; fastest where the length has only the factors 2, 3 and 5.
#pragma once

#include <vector>

namespace wavehax {

// A plan is immutable; callers bring `scratch`, so that one plan serves many threads.
class RealFft {
 public:
  explicit RealFft(int size);  // even, at least 2

  int size() const { return size_; }
  int scratch_size() const { return 2 * size_; }  // floats

  // re[k] + i im[k] = sum over n of x[n] exp(-2 pi i k n / size), k = 0 .. size / 2.
  void forward(const float* x, float* re, float* im, float* scratch) const;

  // x[n] = (1 / size) sum over the two-sided spectrum of which re, im hold the half; im[0] and im[size / 2] are ignored.
  void inverse(const float* re, const float* im, float* x, float* scratch) const;

 private:
  struct Stage {
    int radix, groups, stride;        // size of one transform left = radix * groups, interleaved `stride` times
    std::vector<float> cos, sin;      // [radix - 1][groups], twiddles exp(-2 pi i r p / (radix * groups))
    std::vector<float> root_cos, root_sin;  // [radix], roots of unity, for radices without a butterfly of their own
  };

  void transform(float* re, float* im, float* re2, float* im2) const;
  static void run(const Stage& stage, const float* re, const float* im, float* out_re, float* out_im);

  int size_;
  std::vector<Stage> stages_;
  std::vector<float> cos_, sin_;  // [size / 2 + 1], exp(-2 pi i k / size): half-length complex to real
};

}  // namespace wavehax
