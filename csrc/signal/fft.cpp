#include "fft.h"

#include <cmath>
#include <utility>

namespace wavehax {
namespace {

constexpr double kTau = 6.283185307179586;

std::vector<int> factors(int n) {
  std::vector<int> result;
  for (int radix : {4, 2, 3, 5})
    for (; n % radix == 0; n /= radix) result.push_back(radix);
  for (int radix = 7; n > 1; radix += 2)
    for (; n % radix == 0; n /= radix) result.push_back(radix);
  return result;
}

struct Complex {
  float re, im;
};

inline Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
inline Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
inline Complex turn(Complex a) { return {a.im, -a.re}; }  // times -i
inline Complex scale(Complex a, float s) { return {a.re * s, a.im * s}; }

template <int R>
inline void butterfly(Complex (&x)[R]);

template <>
inline void butterfly<2>(Complex (&x)[2]) {
  const Complex a = x[0], b = x[1];
  x[0] = a + b;
  x[1] = a - b;
}

template <>
inline void butterfly<3>(Complex (&x)[3]) {
  constexpr float kSin = 0.8660254037844386f;  // sin(2 pi / 3)
  const Complex sum = x[1] + x[2], difference = scale(turn(x[1] - x[2]), kSin);
  const Complex middle = x[0] - scale(sum, 0.5f);
  x[0] = x[0] + sum;
  x[1] = middle + difference;
  x[2] = middle - difference;
}

template <>
inline void butterfly<4>(Complex (&x)[4]) {
  const Complex a = x[0] + x[2], b = x[0] - x[2], c = x[1] + x[3], d = turn(x[1] - x[3]);
  x[0] = a + c;
  x[1] = b + d;
  x[2] = a - c;
  x[3] = b - d;
}

template <>
inline void butterfly<5>(Complex (&x)[5]) {
  constexpr float kCos1 = 0.30901699437494745f, kCos2 = -0.8090169943749475f;  // cos(2 pi / 5), cos(4 pi / 5)
  constexpr float kSin1 = 0.9510565162951535f, kSin2 = 0.5877852522924731f;
  const Complex s1 = x[1] + x[4], s2 = x[2] + x[3], d1 = turn(x[1] - x[4]), d2 = turn(x[2] - x[3]);
  const Complex m1 = x[0] + scale(s1, kCos1) + scale(s2, kCos2), m2 = x[0] + scale(s1, kCos2) + scale(s2, kCos1);
  const Complex r1 = scale(d1, kSin1) + scale(d2, kSin2), r2 = scale(d1, kSin2) - scale(d2, kSin1);
  x[0] = x[0] + s1 + s2;
  x[1] = m1 + r1;
  x[2] = m2 + r2;
  x[3] = m2 - r2;
  x[4] = m1 - r1;
}

// Stockham's step: inputs of one butterfly lie groups * stride apart, outputs stride apart, so that nothing is reordered after.
template <int R>
void run_radix(int groups, int stride, const float* cos, const float* sin, const float* re, const float* im, float* out_re,
               float* out_im) {
  for (int p = 0; p < groups; ++p) {
    for (int q = 0; q < stride; ++q) {
      Complex x[R];
      for (int r = 0; r < R; ++r) {
        const int at = q + stride * (p + r * groups);
        x[r] = {re[at], im[at]};
      }
      butterfly<R>(x);
      for (int r = 0; r < R; ++r) {
        const int at = q + stride * (R * p + r);
        if (r == 0) {
          out_re[at] = x[0].re;
          out_im[at] = x[0].im;
          continue;
        }
        const float c = cos[(r - 1) * groups + p], s = sin[(r - 1) * groups + p];
        out_re[at] = x[r].re * c - x[r].im * s;
        out_im[at] = x[r].re * s + x[r].im * c;
      }
    }
  }
}

}  // namespace

RealFft::RealFft(int size) : size_(size) {
  int left = size / 2, stride = 1;
  for (int radix : factors(left)) {
    Stage stage{radix, left / radix, stride, {}, {}, {}, {}};
    for (int r = 1; r < radix; ++r)
      for (int p = 0; p < stage.groups; ++p) {
        stage.cos.push_back(static_cast<float>(std::cos(kTau * r * p / left)));
        stage.sin.push_back(static_cast<float>(-std::sin(kTau * r * p / left)));
      }
    for (int r = 0; r < radix; ++r) {
      stage.root_cos.push_back(static_cast<float>(std::cos(kTau * r / radix)));
      stage.root_sin.push_back(static_cast<float>(-std::sin(kTau * r / radix)));
    }
    stages_.push_back(std::move(stage));
    left /= radix;
    stride *= radix;
  }
  for (int k = 0; k <= size / 2; ++k) {
    cos_.push_back(static_cast<float>(std::cos(kTau * k / size)));
    sin_.push_back(static_cast<float>(-std::sin(kTau * k / size)));
  }
}

void RealFft::run(const Stage& stage, const float* re, const float* im, float* out_re, float* out_im) {
  const int groups = stage.groups, stride = stage.stride, radix = stage.radix;
  const float *cos = stage.cos.data(), *sin = stage.sin.data();
  switch (radix) {
    case 2: return run_radix<2>(groups, stride, cos, sin, re, im, out_re, out_im);
    case 3: return run_radix<3>(groups, stride, cos, sin, re, im, out_re, out_im);
    case 4: return run_radix<4>(groups, stride, cos, sin, re, im, out_re, out_im);
    case 5: return run_radix<5>(groups, stride, cos, sin, re, im, out_re, out_im);
    default: break;
  }
  for (int p = 0; p < groups; ++p)
    for (int q = 0; q < stride; ++q)
      for (int r = 0; r < radix; ++r) {
        Complex sum = {0.0f, 0.0f};
        for (int i = 0; i < radix; ++i) {
          const int from = q + stride * (p + i * groups), root = r * i % radix;
          const float c = stage.root_cos[root], s = stage.root_sin[root];
          sum = sum + Complex{re[from] * c - im[from] * s, re[from] * s + im[from] * c};
        }
        const float c = r == 0 ? 1.0f : cos[(r - 1) * groups + p], s = r == 0 ? 0.0f : sin[(r - 1) * groups + p];
        const int at = q + stride * (radix * p + r);
        out_re[at] = sum.re * c - sum.im * s;
        out_im[at] = sum.re * s + sum.im * c;
      }
}

// In place on (re, im), with (re2, im2) as the other half of the alternation.
void RealFft::transform(float* re, float* im, float* re2, float* im2) const {
  float *from_re = re, *from_im = im, *to_re = re2, *to_im = im2;
  for (const Stage& stage : stages_) {
    run(stage, from_re, from_im, to_re, to_im);
    std::swap(from_re, to_re);
    std::swap(from_im, to_im);
  }
  if (from_re == re) return;
  for (int i = 0; i < size_ / 2; ++i) {
    re[i] = re2[i];
    im[i] = im2[i];
  }
}

void RealFft::forward(const float* x, float* re, float* im, float* scratch) const {
  const int half = size_ / 2;
  float *zr = scratch, *zi = scratch + half;
  for (int i = 0; i < half; ++i) {
    zr[i] = x[2 * i];
    zi[i] = x[2 * i + 1];
  }
  transform(zr, zi, scratch + 2 * half, scratch + 3 * half);
  for (int k = 0; k <= half; ++k) {
    const int a = k == half ? 0 : k, b = k == 0 ? 0 : half - k;
    const Complex even = {0.5f * (zr[a] + zr[b]), 0.5f * (zi[a] - zi[b])};
    const Complex odd = {0.5f * (zi[a] + zi[b]), 0.5f * (zr[b] - zr[a])};
    re[k] = even.re + (odd.re * cos_[k] - odd.im * sin_[k]);
    im[k] = even.im + (odd.re * sin_[k] + odd.im * cos_[k]);
  }
  im[0] = im[half] = 0.0f;  // exactly and positive: a phase taken of them must not depend on rounding
}

// The forward transform of the conjugate is the conjugate of the inverse, up to 1 / size.
void RealFft::inverse(const float* re, const float* im, float* x, float* scratch) const {
  const int half = size_ / 2;
  float *zr = scratch, *zi = scratch + half;
  for (int k = 0; k < half; ++k) {
    const float ar = re[k], ai = k == 0 ? 0.0f : im[k];
    const float br = re[half - k], bi = k == 0 ? 0.0f : -im[half - k];
    const Complex even = {0.5f * (ar + br), 0.5f * (ai + bi)};
    const Complex rotated = {0.5f * (ar - br), 0.5f * (ai - bi)};
    const Complex odd = {rotated.re * cos_[k] + rotated.im * sin_[k], rotated.im * cos_[k] - rotated.re * sin_[k]};
    zr[k] = even.re - odd.im;
    zi[k] = -(even.im + odd.re);
  }
  transform(zr, zi, scratch + 2 * half, scratch + 3 * half);
  const float factor = 1.0f / static_cast<float>(half);
  for (int i = 0; i < half; ++i) {
    x[2 * i] = zr[i] * factor;
    x[2 * i + 1] = -zi[i] * factor;
  }
}

}  // namespace wavehax
