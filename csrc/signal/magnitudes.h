// Magnitudes of a real signal's spectrum in float64. The engine's own transform (RealFft) is
// float32: beside a loud band its rounding would show in the logarithm of a quiet one.
#pragma once

#include <vector>

namespace wavehax {

class MagnitudeTransform {
 public:
  explicit MagnitudeTransform(
      int size);  // samples, at least 1; fastest where it has small prime factors

  // magnitudes[k] = |sum over n of x[n] exp(-2 pi i k n / size)|, k = 0 .. size / 2. Allocates
  // nothing.
  void run(const double* x, double* magnitudes);

 private:
  struct Complex {
    double re, im;
  };

  // The transform of x[0], x[stride], ... of `size` values into `out`; `factor` is the index of its
  // first prime factor.
  void transform(const Complex* x, Complex* out, int size, int stride, std::size_t factor);
  void butterfly(Complex* out, int radix, int part, int stride);

  int size_, complex_size_;     // even sizes are transformed as half as many complex values
  std::vector<int> factors_;    // primes
  std::vector<Complex> roots_;  // [complex_size], exp(-2 pi i k / complex_size)
  std::vector<Complex> split_;  // [size / 2 + 1], exp(-2 pi i k / size)
  std::vector<Complex> in_, out_, terms_;
};

}  // namespace wavehax
