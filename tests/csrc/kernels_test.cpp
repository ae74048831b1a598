// Every kernel on every instruction set of this machine, over awkward sizes, against float64; the Fourier transform and the
// random numbers against their definitions. Prints one line per failure, then "N passed, M failed".
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "../../csrc/kernels/cpu.h"
#include "../../csrc/signal/fft.h"
#include "../../csrc/kernels/table.h"
#include "../../csrc/model/layers.h"
#include "../../csrc/signal/random.h"
#include "checks.h"

namespace {

using wavehax::Kernels;
using wavehax::padded;

void test_gelu(const Kernels& k) {
  double worst = 0.0;
  Floats x(16);
  const auto measure = [&](double from, double step, int count) {
    for (int i = 0; i < count; i += 16) {
      for (int j = 0; j < 16; ++j) x[j] = static_cast<float>(from + (i + j) * step);
      Floats y = x;
      k.gelu(y.data(), 16);
      for (int j = 0; j < 16; ++j) {
        const double size = std::fabs(x[j]), unit = size < 0.01 ? size : std::fmax(1.0, size);
        if (unit > 0.0) worst = std::fmax(worst, std::fabs(y[j] - exact_gelu(x[j])) / unit);
      }
    }
  };
  measure(-12.0, 5e-5, 480000);
  measure(-0.01, 1e-6, 20000);
  measure(-1e30, 1e25, 200000);
  check(worst <= 1.2e-6, std::string(k.isa) + " gelu: error " + std::to_string(worst * 1e6) + "e-6");
}

void test_sines(const Kernels& k) {
  constexpr int kCount = 1 << 16;
  const double kTau = 2.0 * M_PI, unit = std::ldexp(1.0, -32);
  std::vector<std::int32_t> a(kCount), b(kCount), c(kCount);
  for (int i = 0; i < kCount; ++i) {
    a[i] = static_cast<std::int32_t>(rng());
    b[i] = static_cast<std::int32_t>(rng());
    c[i] = static_cast<std::int32_t>(rng()) | 1 << 28;  // no quotient of small sines here
  }
  c[0] = c[kCount - 1] = 0;
  Floats ratio(kCount), cosine(kCount), sine(kCount);
  k.sine_ratios(a.data(), b.data(), c.data(), 0.5f, kCount, ratio.data());
  check(ratio[0] == 0.0f && ratio[kCount - 1] == 0.0f, std::string(k.isa) + " sine_ratios: 0 where the divisor is 0");
  double worst = 0.0;
  for (int i = 1; i < kCount - 1; ++i) {
    const double divisor = std::sin(kTau * unit * c[i]), exact = 0.5 * std::sin(kTau * unit * a[i]) * std::sin(kTau * unit * b[i]) / divisor;
    worst = std::fmax(worst, std::fabs(ratio[i] - exact) * std::fabs(divisor) / (1.0 + std::fabs(exact)));
  }
  check(worst < 6e-7, std::string(k.isa) + " sine_ratios: error " + std::to_string(worst * 1e7) + "e-7");
  for (int i = 0; i < kCount; ++i) a[i] = i == 0 ? 1 : i == 1 ? 1 << 24 : 1 + static_cast<std::int32_t>(rng() >> 8);
  k.gaussians(a.data(), b.data(), kCount, cosine.data(), sine.data());
  worst = 0.0;
  for (int i = 0; i < kCount; ++i) {
    const double radius = std::sqrt(-2.0 * std::log(a[i] / 16777216.0));
    const double error = std::hypot(cosine[i] - radius * std::cos(kTau * unit * b[i]), sine[i] - radius * std::sin(kTau * unit * b[i]));
    worst = std::fmax(worst, std::fmin(error, error * radius));  // where the radius is near 0, its square is what is accurate
  }
  check(worst < 3e-6, std::string(k.isa) + " gaussians: error " + std::to_string(worst * 1e6) + "e-6");
}

// In bf16 the weights are rounded, and nothing else: sums and inputs are float32.
void test_project(const Kernels& k, int rows, int taps, int depth, int outputs, wavehax::Precision precision) {
  const bool half = precision == wavehax::Precision::kBf16;
  const int row = padded(depth + 1);
  const Floats x = random_frame(rows * taps, depth + 1, row), b = random_floats(outputs);  // also a value beyond the depth
  Floats w = random_floats(static_cast<std::size_t>(outputs) * depth * taps);
  const wavehax::Projection projection(w.data(), b.data(), outputs, depth, taps, precision);
  Floats out(static_cast<std::size_t>(rows) * projection.columns);
  std::vector<const float*> in;
  std::vector<float*> to;
  for (int r = 0; r < rows; ++r) to.push_back(out.data() + r * projection.columns);
  for (int i = 0; i < rows * taps; ++i) in.push_back(x.data() + i * row);
  projection.run(k, in.data(), rows, to.data());
  for (float& v : w) v = half ? bf16(v) : v;
  for (int r = 0; r < rows; ++r)
    for (int n = 0; n < outputs; ++n) {
      double sum = b[n], magnitude = std::fabs(b[n]);
      for (int j = 0; j < taps; ++j)
        for (int i = 0; i < depth; ++i) {
          const double product = static_cast<double>(x[(r * taps + j) * row + i]) * w[(n * depth + i) * taps + j];
          sum += product;
          magnitude += std::fabs(product);
        }
      check_close(to[r][n], sum, magnitude, taps * depth, std::string(k.isa) + (half ? " project_bf16" : " project"));
    }
}

// However many rows each of them takes.
void test_project_by_tap(const Kernels& k, int rows, int taps, int depth, int outputs, wavehax::Precision precision) {
  const int row = padded(depth + 1);
  Floats x = random_frame(rows * taps, depth + 1, row), b = random_floats(outputs);
  Floats w = random_floats(static_cast<std::size_t>(outputs) * depth * taps);
  const wavehax::Projection whole(w.data(), b.data(), outputs, depth, taps, precision);
  wavehax::Weights weights({{"p.weight", {{outputs, depth, taps}, w.data()}}, {"p.bias", {{outputs}, b.data()}}});
  const auto by_tap = wavehax::by_tap<wavehax::Projection>(weights, "p", outputs, depth, taps, precision);
  Floats expected(static_cast<std::size_t>(rows) * whole.columns), out(expected.size());
  std::vector<const float*> in;
  std::vector<float*> to, expected_to;
  for (int i = 0; i < rows * taps; ++i) in.push_back(x.data() + i * row);
  for (int r = 0; r < rows; ++r) {
    to.push_back(out.data() + r * whole.columns);
    expected_to.push_back(expected.data() + r * whole.columns);
  }
  whole.run(k, in.data(), rows, expected_to.data());
  for (int j = 0; j < taps; ++j)
    for (int first = 0, count = 1 + j % 3; first < rows; first += count) {
      std::vector<const float*> tap;
      for (int r = first; r < std::min(rows, first + count); ++r) tap.push_back(in[r * taps + j]);
      const int some = static_cast<int>(tap.size());
      if (j == 0)
        by_tap[j].run(k, tap.data(), some, to.data() + first);
      else
        by_tap[j].add(k, tap.data(), some, to.data() + first);
    }
  check(out == expected, std::string(k.isa) + " project tap by tap differs from all taps at once");
}

void test_mix_and_unmix(const Kernels& k, int count, int bins, int channels) {
  const int width = padded(channels);
  const Floats planes = random_floats(static_cast<std::size_t>(count) * bins), w = random_frame(count, channels, width);
  const Floats b = random_frame(1, channels, width), b2 = random_floats(count);
  Floats frame(static_cast<std::size_t>(bins) * width), back(static_cast<std::size_t>(count) * bins);
  std::vector<const float*> in;
  std::vector<float*> out;
  for (int i = 0; i < count; ++i) {
    in.push_back(planes.data() + i * bins);
    out.push_back(back.data() + i * bins);
  }
  k.mix(in.data(), count, w.data(), b.data(), bins, width, frame.data());
  k.unmix(frame.data(), w.data(), b2.data(), count, bins, width, out.data());
  for (int f = 0; f < bins; ++f) {
    for (int c = 0; c < width; ++c) {
      double sum = b[c], magnitude = std::fabs(b[c]);
      for (int i = 0; i < count; ++i) {
        const double product = static_cast<double>(in[i][f]) * w[i * width + c];
        sum += product;
        magnitude += std::fabs(product);
      }
      check_close(frame[f * width + c], sum, magnitude, count, std::string(k.isa) + " mix");
    }
    for (int i = 0; i < count; ++i) {
      double sum = b2[i], magnitude = std::fabs(b2[i]);
      for (int c = 0; c < channels; ++c) {
        const double product = static_cast<double>(frame[f * width + c]) * w[i * width + c];
        sum += product;
        magnitude += std::fabs(product);
      }
      check_close(out[i][f], sum, magnitude, width, std::string(k.isa) + " unmix");
    }
  }
}

void check_depthwise(const Kernels& k, const TestBlock<wavehax::Block>& t, const float* const* rows, const Floats& out) {
  const int channels = t.block.size.channels, width = padded(channels), taps = t.block.size.kernel_bins;
  const int frames = t.block.size.kernel_frames;
  for (int f = 0; f < t.block.size.bins; ++f)
    for (int c = 0; c < channels; ++c) {
      double sum = 0.0, magnitude = 0.0;
      for (int j = 0; j < frames; ++j)
        for (int i = 0; i < taps; ++i) {
          const double product = static_cast<double>(rows[j][(f + i) * width + c]) * t.dw[(c * taps + i) * frames + j];
          sum += product;
          magnitude += std::fabs(product);
        }
      check_close(out[f * width + c], sum, magnitude, frames * taps, std::string(k.isa) + " depthwise");
    }
}

void check_mlp(const Kernels& k, const TestBlock<wavehax::Block>& t, const Floats& x, const Floats& residual, const Floats& out) {
  const int channels = t.block.size.channels, expanded = t.block.size.expanded, width = padded(channels);
  for (int f = 0; f < t.block.size.bins; ++f) {
    std::vector<double> hidden(expanded), error(expanded);
    for (int e = 0; e < expanded; ++e) {
      double sum = t.b1[e], magnitude = std::fabs(t.b1[e]);
      for (int c = 0; c < channels; ++c) {
        sum += static_cast<double>(x[f * width + c]) * t.w1[e * channels + c];
        magnitude += std::fabs(static_cast<double>(x[f * width + c]) * t.w1[e * channels + c]);
      }
      hidden[e] = exact_gelu(sum);
      error[e] = 1.2e-6 * std::fmax(1.0, std::fabs(sum)) + 1.2 * channels * 1.2e-7 * magnitude;  // the slope of gelu is below 1.13
    }
    for (int c = 0; c < channels; ++c) {
      double sum = static_cast<double>(t.b2[c]) + residual[f * width + c], bound = 1e-6 * (std::fabs(sum) + 1.0);
      for (int e = 0; e < expanded; ++e) {
        sum += hidden[e] * t.w2[c * expanded + e];
        bound += (error[e] + expanded * 1.2e-7 * std::fabs(hidden[e])) * std::fabs(t.w2[c * expanded + e]);
      }
      check(std::fabs(out[f * width + c] - sum) <= bound, std::string(k.isa) + " mlp");
    }
  }
}

void test_block(const Kernels& k, int bins, int channels, int expanded, int taps, int frames, int count) {
  const TestBlock<wavehax::Block> t(bins, channels, expanded, taps, frames);
  const wavehax::BlockShape shape = t.block.shape();
  const int width = padded(channels);
  std::vector<Floats> x, residual, convolved(count), out(count);
  std::vector<const float*> rows, from;
  std::vector<float*> to, between;
  for (int j = 0; j < frames - 1 + count; ++j) x.push_back(random_frame(bins + taps - 1, channels, width));
  for (const Floats& row : x) rows.push_back(row.data());
  Floats scratch(wavehax::scratch_size(shape));
  for (int i = 0; i < count; ++i) {
    residual.push_back(random_frame(bins, channels, width));
    convolved[i].resize(bins * width);
    out[i].resize(bins * width);
    between.push_back(convolved[i].data());
  }
  k.depthwise(rows.data(), count, shape, t.block.dwconv.data(), between.data());
  for (int i = 0; i < count; ++i) {
    check_depthwise(k, t, rows.data() + i, convolved[i]);
    from.push_back(residual[i].data());
    to.push_back(out[i].data());
  }
  k.block(rows.data(), count, shape, t.block.weights(), from.data(), to.data(), scratch.data());
  for (int i = 0; i < count; ++i) {
    check_mlp(k, t, convolved[i], residual[i], out[i]);
    Floats in_place = residual[i];
    k.mlp(convolved[i].data(), shape, t.block.weights(), in_place.data(), in_place.data(), scratch.data());
    check(in_place == out[i], std::string(k.isa) + " mlp in place gives the bits of the fused block");
  }
}

void test_norm(const Kernels& k, int bins, int channels) {
  const int width = padded(channels);
  Floats x = random_frame(bins, channels, width), mask = Floats(width), scale = random_floats(width), shift = random_floats(width);
  for (int c = 0; c < channels; ++c) mask[c] = 1.0f;
  double sum = 0.0, magnitude = 0.0, squares = 0.0;
  for (int f = 0; f < bins; ++f)
    for (int c = 0; c < channels; ++c) {
      const double value = x[f * width + c];
      sum += value;
      magnitude += std::fabs(value);
      squares += (value - 0.5) * (value - 0.5);
    }
  check_close(static_cast<float>(k.sum(x.data(), bins, width)), sum, magnitude, bins, std::string(k.isa) + " sum");
  check_close(static_cast<float>(k.sum_squares(x.data(), 0.5f, mask.data(), bins, width)), squares, squares, bins,
              std::string(k.isa) + " sum_squares");
  const Floats before = x;
  k.affine(x.data(), scale.data(), shift.data(), bins, width);
  for (int i = 0; i < bins * width; ++i)
    check_close(x[i], static_cast<double>(before[i]) * scale[i % width] + shift[i % width],
                std::fabs(before[i] * scale[i % width]) + std::fabs(shift[i % width]), 2, std::string(k.isa) + " affine");
}

void test_fft(int size) {
  const wavehax::RealFft fft(size);
  const Floats x = random_floats(size);
  Floats re(size / 2 + 1), im(size / 2 + 1), back(size), scratch(fft.scratch_size());
  fft.forward(x.data(), re.data(), im.data(), scratch.data());
  fft.inverse(re.data(), im.data(), back.data(), scratch.data());
  double error = 0.0, power = 0.0, round_trip = 0.0;
  for (int k = 0; k <= size / 2; ++k) {
    std::complex<double> sum = 0.0;
    for (int n = 0; n < size; ++n) sum += std::polar(1.0, -2.0 * M_PI * (static_cast<long>(k) * n % size) / size) * static_cast<double>(x[n]);
    error += std::norm(sum - std::complex<double>(re[k], im[k]));
    power += std::norm(sum);
  }
  for (int n = 0; n < size; ++n) round_trip = std::fmax(round_trip, std::fabs(back[n] - x[n]));
  check(std::sqrt(error / power) < 3e-7, "fft of " + std::to_string(size));
  check(round_trip < 3e-6, "inverse fft of " + std::to_string(size));
}

// Known answers of Philox4x32-10 from its authors' distribution (Random123, kat_vectors).
void test_philox() {
  const std::uint32_t cases[3][10] = {
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (const auto& c : cases) {
    std::uint32_t counter[4] = {c[0], c[1], c[2], c[3]};
    wavehax::philox(counter, c[4], c[5]);
    for (int i = 0; i < 4; ++i) check(counter[i] == c[6 + i], "philox known answer");
  }
}

void test_noise(const Kernels& k) {
  const wavehax::Noise noise(k, 7);
  const std::int64_t count = 400000;
  std::vector<float> whole(count), parts(count);
  noise.normal(0, count, whole.data());
  for (std::int64_t at = 0; at < count;) {
    const std::int64_t n = std::min<std::int64_t>(1 + at % 777, count - at);
    noise.normal(at, n, parts.data() + at);
    at += n;
  }
  check(whole == parts, "noise is the same in any chunks");
  double moments[4] = {0, 0, 0, 0};
  for (const float v : whole)
    for (int p = 0; p < 4; ++p) moments[p] += std::pow(v, p + 1) / count;
  check(std::fabs(moments[0]) < 0.01 && std::fabs(moments[1] - 1.0) < 0.01, "noise has mean 0 and variance 1");
  check(std::fabs(moments[2]) < 0.03 && std::fabs(moments[3] - 3.0) < 0.06, "noise has the skewness and kurtosis of a gaussian");
}

void test_kernels(const Kernels& k) {
  test_gelu(k);
  test_sines(k);
  for (const auto precision : {wavehax::Precision::kFp32, wavehax::Precision::kBf16}) {
    for (int rows : {1, 2, 3, 7, 8, 9, 17})
      for (int outputs : {1, 16, 17, 33, 48, 65, 150}) test_project(k, rows, 1 + rows % 3, 1 + outputs % 11, outputs, precision);
    test_project(k, 8, 7, 61, 257, precision);
    for (int rows : {1, 2, 4, 7, 16}) test_project_by_tap(k, rows, 7, 61, 257, precision);
  }
  for (int channels : {1, 7, 8, 15, 16, 17, 32, 64})
    for (int bins : {1, 2, 7, 8, 9, 12, 13, 14, 15, 20, 33}) {
      test_mix_and_unmix(k, 1 + bins % 12, bins, channels);
      test_block(k, bins, channels, channels * (1 + bins % 4), 1 + 2 * ((bins + channels) % 9), 1 + bins % 7, 1 + bins % 3);
      test_norm(k, bins, channels);
    }
  test_block(k, 15, 64, wavehax::kMaxExpanded, 3, 2, 1);
  test_block(k, 23, 16, 48, 13, 7, 8);  // 9 bins over a tile of 14, as 513 have
}

}  // namespace

int main() {
  for (const std::string& isa : wavehax::available_isas()) {
    test_kernels(wavehax::choose_kernels(isa));
    test_noise(wavehax::choose_kernels(isa));
  }
  for (int size : {2, 4, 6, 10, 14, 22, 26, 60, 64, 98, 120, 128, 242, 480, 512, 882, 960, 1024}) test_fft(size);
  test_philox();
  return report();
}
