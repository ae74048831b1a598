#include "magnitudes.h"

#include <algorithm>
#include <cmath>

namespace wavehax {
namespace {

constexpr double kTurn = 6.283185307179586476925;

}  // namespace

MagnitudeTransform::MagnitudeTransform(int size)
    : size_(size), complex_size_(size % 2 == 0 ? size / 2 : size) {
  int rest = complex_size_;
  for (int prime = 2; rest > 1; ++prime)
    for (; rest % prime == 0; rest /= prime) factors_.push_back(prime);
  for (int k = 0; k < complex_size_; ++k)
    roots_.push_back({std::cos(kTurn * k / complex_size_), -std::sin(kTurn * k / complex_size_)});
  for (int k = 0; k <= size / 2; ++k)
    split_.push_back({std::cos(kTurn * k / size), -std::sin(kTurn * k / size)});
  in_.resize(complex_size_);
  out_.resize(complex_size_);
  terms_.resize(factors_.empty() ? 1 : *std::max_element(factors_.begin(), factors_.end()));
}

void MagnitudeTransform::run(const double* x, double* magnitudes) {
  const bool even = complex_size_ != size_;
  for (int n = 0; n < complex_size_; ++n)
    in_[n] = even ? Complex{x[2 * n], x[2 * n + 1]} : Complex{x[n], 0.0};
  transform(in_.data(), out_.data(), complex_size_, 1, 0);
  for (int k = 0; k <= size_ / 2; ++k) {
    Complex value = out_[k % complex_size_];
    if (even) {  // the spectra of even and odd samples, which the complex one holds, and their sum
      const Complex mirror = out_[(complex_size_ - k) % complex_size_];
      const Complex evens = {0.5 * (value.re + mirror.re), 0.5 * (value.im - mirror.im)};
      const Complex odds = {0.5 * (value.im + mirror.im), -0.5 * (value.re - mirror.re)};
      value = {evens.re + split_[k].re * odds.re - split_[k].im * odds.im,
               evens.im + split_[k].re * odds.im + split_[k].im * odds.re};
    }
    magnitudes[k] = std::sqrt(value.re * value.re + value.im * value.im);
  }
}

// Transforms `size` values by decimation in time. With the first factor r it transforms r
// sequences, each of every r-th value, and combines them.
void MagnitudeTransform::transform(const Complex* x, Complex* out, int size, int stride,
                                   std::size_t factor) {
  if (size == 1) {
    out[0] = x[0];
    return;
  }
  const int radix = factors_[factor], part = size / radix;
  for (int i = 0; i < radix; ++i)
    transform(x + i * stride, out + i * part, part, stride * radix, factor + 1);
  butterfly(out, radix, part, stride);
}

void MagnitudeTransform::butterfly(Complex* out, int radix, int part, int stride) {
  const auto turned = [](Complex a, Complex b) {
    return Complex{a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  };
  for (int k = 0; k < part; ++k) {
    if (radix == 2) {
      const Complex a = out[k], b = turned(out[part + k], roots_[k * stride]);
      out[k] = {a.re + b.re, a.im + b.im};
      out[part + k] = {a.re - b.re, a.im - b.im};
      continue;
    }
    for (int i = 0; i < radix; ++i) terms_[i] = turned(out[i * part + k], roots_[i * k * stride]);
    for (int r = 0; r < radix; ++r) {
      Complex sum = terms_[0];
      for (int i = 1; i < radix; ++i) {
        const Complex term = turned(terms_[i], roots_[i * r % radix * part * stride]);
        sum = {sum.re + term.re, sum.im + term.im};
      }
      out[r * part + k] = sum;
    }
  }
}

}  // namespace wavehax
