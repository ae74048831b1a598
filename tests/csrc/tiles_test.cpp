// The kernels on matrix tiles and on pairs of bfloat16, over awkward sizes, against float64 with
// the same rounding of factors. Does nothing if the processor has neither, except in a build that
// emulates pairs. Prints one line per failure, then "N passed, M failed".
#include <vector>

#include "../../csrc/kernels/cpu.h"
#include "../../csrc/model/tile_layers.h"
#include "checks.h"

namespace {

using wavehax::Bf16;
using wavehax::padded;
using wavehax::TileKernels;
using wavehax::TileShape;

// Relative error of rounding to bfloat16.
constexpr double kHalfUlp = 1.0 / 256;
// Error of gelu before its result is rounded.
constexpr double kGelu = 1.0e-4;

// Returns whether the kernels multiply pairs, not tiles.
bool on_pairs(const TileKernels& k) { return k.multiply_adds != nullptr; }

// Rounds to bfloat16, ties away from zero, as the kernels round the values that they compute.
float rounded(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = (bits + 0x8000u) & 0xffff0000u;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

float to_float(Bf16 half) {
  const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// Returns the index of bin f of channel c in planes.
long at(const TileShape& s, int c, int f) {
  return (static_cast<long>(f / 16) * s.channels + c) * 16 + f % 16;
}

// Returns a row with random values, zero in channels that are padding.
Floats random_row(const TileKernels& k, const TileShape& s) {
  Floats row(s.row_size());
  const Floats values = random_floats(static_cast<std::size_t>(s.depth) * s.columns());
  for (int c = 0; c < s.depth; ++c)
    for (int f = 0; f < s.columns(); ++f) row[at(s, c, f)] = values[c * s.columns() + f];
  k.mirror(row.data(), s);
  return row;
}

double second_part(const Floats& row, const TileShape& s, int c, int i) {
  return to_float(
      reinterpret_cast<const Bf16*>(row.data() + s.planes_size())[c * s.half_columns() + i]);
}

void test_project(const TileKernels& k, int rows, int parts, int taps, int depth, int outputs) {
  const int width = padded(depth);
  Floats w = random_floats(static_cast<std::size_t>(outputs) * depth * taps),
         b = random_floats(outputs);
  wavehax::Weights weights(
      {{"p.weight", {{outputs, depth, taps}, w.data()}}, {"p.bias", {{outputs}, b.data()}}});
  const auto projections =
      wavehax::by_tap<wavehax::TileProjection>(weights, "p", outputs, depth, taps);
  const int columns = projections[0].columns;
  // Values beyond the depth are random too, and must not count.
  const Floats x = random_floats(static_cast<std::size_t>(rows + taps - 1) * parts * width);
  std::vector<const float*> inputs;
  for (int r = 0; r < rows; ++r)
    for (int p = 0; p < parts; ++p)
      for (int j = 0; j < taps; ++j) inputs.push_back(x.data() + ((r + j) * parts + p) * width);
  wavehax::Aligned<Bf16> scratch(static_cast<std::size_t>(rows) * parts * projections[0].depth);
  Floats out(static_cast<std::size_t>(rows) * parts * columns);
  for (int j = 0; j < taps; ++j) {
    std::vector<const float*> tap;
    for (int i = 0; i < rows * parts; ++i) tap.push_back(inputs[i * taps + j]);
    if (j == 0)
      projections[j].run(k, tap.data(), rows * parts, scratch.data(), out.data());
    else
      projections[j].add(k, tap.data(), rows * parts, scratch.data(), out.data());
  }
  for (int i = 0; i < rows * parts; ++i)
    for (int n = 0; n < outputs; ++n) {
      double sum = b[n], magnitude = std::fabs(b[n]);
      for (int j = 0; j < taps; ++j)
        for (int d = 0; d < depth; ++d) {
          const double product = static_cast<double>(rounded(inputs[i * taps + j][d])) *
                                 bf16(w[(n * depth + d) * taps + j]);
          sum += product;
          magnitude += std::fabs(product);
        }
      check_close(out[i * columns + n], sum, magnitude, taps * depth, "tiles project");
    }
}

// Checks the convolution. A single last bin, after those that are convolved together, has weights
// in float32.
void check_depthwise(const TileKernels& k, const TestBlock<wavehax::TileBlock>& t,
                     const std::vector<Floats>& rows, int first, const Floats& planes) {
  const TileShape& s = t.block.shape;
  const int together = on_pairs(k) ? 32 : 256;
  for (int f = 0; f < s.bins; ++f)
    for (int c = 0; c < s.depth; ++c) {
      const bool alone = s.bins % together == 1 && f == s.bins - 1;
      double sum = 0.0, magnitude = 0.0;
      for (int j = 0; j < s.frames; ++j)
        for (int i = 0; i < s.taps; ++i) {
          const float w = t.dw[(c * s.taps + i) * s.frames + j];
          const double product = second_part(rows[first + j], s, c, f + i) * (alone ? w : bf16(w));
          sum += product;
          magnitude += std::fabs(product);
        }
      check_close(planes[at(s, c, f)], sum, magnitude, s.frames * s.taps, "tiles depthwise");
    }
}

// Checks the pointwise layers. Every rounded factor is wrong by at most half a unit.
void check_mlp(const TestBlock<wavehax::TileBlock>& t, const Floats& x, const Floats& scale,
               const Floats& shift, const Floats& residual, const Floats& out) {
  const TileShape& s = t.block.shape;
  const int expanded = static_cast<int>(t.b1.size());
  for (int f = 0; f < s.bins; ++f) {
    std::vector<double> hidden(expanded), error(expanded);
    for (int e = 0; e < expanded; ++e) {
      double sum = t.b1[e], magnitude = 0.0;
      for (int c = 0; c < s.depth; ++c) {
        const double product = (static_cast<double>(x[at(s, c, f)]) * scale[c] + shift[c]) *
                               bf16(t.w1[e * s.depth + c]);
        sum += product;
        magnitude += std::fabs(product);
      }
      hidden[e] = exact_gelu(sum);
      error[e] = kGelu + 1.13 * (kHalfUlp + 1e-5) * magnitude;  // the slope of gelu is below 1.13
      error[e] += kHalfUlp * (std::fabs(hidden[e]) + error[e]);
    }
    for (int c = 0; c < s.depth; ++c) {
      double sum = static_cast<double>(t.b2[c]) + residual[at(s, c, f)],
             bound = 1e-5 * (std::fabs(sum) + 1.0);
      for (int e = 0; e < expanded; ++e) {
        const double w = bf16(t.w2[c * expanded + e]);
        sum += hidden[e] * w;
        bound += (error[e] + 1e-5 * std::fabs(hidden[e])) * std::fabs(w);
      }
      check(std::fabs(out[at(s, c, f)] - sum) <= bound, "tiles mlp");
    }
  }
}

void check_second_part(const TestBlock<wavehax::TileBlock>& t, const Floats& row) {
  const TileShape& s = t.block.shape;
  for (int c = 0; c < s.depth; ++c)
    for (int i = 0; i < s.half_columns(); ++i) {
      const int bin = i - s.mirrored(), f = bin < 0        ? -bin
                                            : bin < s.bins ? bin
                                                           : 2 * (s.bins - 1) - bin;
      const double expected = bin < s.bins + s.mirrored() ? rounded(row[at(s, c, f)]) : 0.0;
      check(second_part(row, s, c, i) == expected, "tiles mirror");
    }
}

void test_block(const TileKernels& k, int bins, int channels, int expanded, int taps, int frames,
                int count, bool scaled) {
  const TestBlock<wavehax::TileBlock> t(bins, channels, expanded, taps, frames);
  const TileShape& s = t.block.shape;
  std::vector<Floats> rows, planes(count, Floats(s.planes_size()));
  std::vector<const float*> in;
  std::vector<float*> to;
  for (int j = 0; j < frames - 1 + count; ++j) rows.push_back(random_row(k, s));
  for (const Floats& row : rows) in.push_back(row.data());
  for (Floats& p : planes) to.push_back(p.data());
  k.depthwise(in.data(), count, s, t.block.weights(), to.data());
  Floats scratch(s.scratch_size()), out(s.row_size()),
      scale = scaled ? random_floats(s.channels) : Floats(s.channels, 1.0f);
  const Floats shift = scaled ? random_floats(s.channels) : Floats(s.channels);
  for (int i = 0; i < count; ++i) {
    check_depthwise(k, t, rows, i, planes[i]);
    Floats residual = rows[i];
    k.mlp(to[i], s, t.block.weights(), scaled ? scale.data() : nullptr, shift.data(),
          residual.data(), out.data(), scratch.data());
    check_mlp(t, planes[i], scale, shift, residual, out);
    check_second_part(t, out);
    k.mlp(to[i], s, t.block.weights(), scaled ? scale.data() : nullptr, shift.data(),
          residual.data(), residual.data(), scratch.data());
    check(residual == out, "tiles mlp in place gives the same bits");
  }
}

void test_planes(const TileKernels& k, int count, int bins, int channels) {
  const TileShape s = {1, 1, bins, channels, padded(channels), 16};
  const Floats planes = random_floats(static_cast<std::size_t>(count) * s.columns()),
               b = random_floats(s.channels), b2 = random_floats(count);
  Floats w = random_floats(static_cast<std::size_t>(count) * s.channels), row(s.row_size()),
         back(planes.size());
  std::vector<const float*> in;
  std::vector<float*> to;
  for (int i = 0; i < count; ++i) {
    in.push_back(planes.data() + i * s.columns());
    to.push_back(back.data() + i * s.columns());
  }
  k.mix(in.data(), count, w.data(), b.data(), s, row.data());
  k.unmix(row.data(), w.data(), b2.data(), count, s, to.data());
  double total = 0.0, magnitude = 0.0, squares = 0.0;
  for (int f = 0; f < bins; ++f) {
    for (int c = 0; c < s.channels; ++c) {
      double sum = b[c], size = std::fabs(b[c]);
      for (int i = 0; i < count; ++i) {
        sum += static_cast<double>(in[i][f]) * w[i * s.channels + c];
        size += std::fabs(static_cast<double>(in[i][f]) * w[i * s.channels + c]);
      }
      check_close(row[at(s, c, f)], sum, size, count, "tiles mix");
      if (c >= channels) continue;
      total += row[at(s, c, f)];
      magnitude += std::fabs(row[at(s, c, f)]);
      squares += std::pow(row[at(s, c, f)] - 0.5, 2);
    }
    for (int i = 0; i < count; ++i) {
      double sum = b2[i], size = std::fabs(b2[i]);
      for (int c = 0; c < s.channels; ++c) {
        sum += static_cast<double>(row[at(s, c, f)]) * w[i * s.channels + c];
        size += std::fabs(static_cast<double>(row[at(s, c, f)]) * w[i * s.channels + c]);
      }
      check_close(to[i][f], sum, size, s.channels, "tiles unmix");
    }
  }
  check_close(static_cast<float>(k.sum(row.data(), s)), total, magnitude, bins, "tiles sum");
  check_close(static_cast<float>(k.sum_squares(row.data(), 0.5f, s)), squares, squares,
              bins * channels / 16, "tiles sum_squares");
}

// Frames convolved by themselves have the bits of frames convolved together.
void test_frames_alone(const TileKernels& k, int bins, int channels, int taps, int frames) {
  const TestBlock<wavehax::TileBlock> t(bins, channels, channels, taps, frames);
  const TileShape& s = t.block.shape;
  std::vector<Floats> rows, planes;
  std::vector<const float*> in;
  std::vector<float*> to;
  for (int j = 0; j < frames - 1 + wavehax::kTileFrames; ++j) rows.push_back(random_row(k, s));
  for (int i = 0; i < 2 * wavehax::kTileFrames; ++i) planes.emplace_back(s.planes_size());
  for (const Floats& row : rows) in.push_back(row.data());
  for (Floats& p : planes) to.push_back(p.data());
  k.depthwise(in.data(), wavehax::kTileFrames, s, t.block.weights(), to.data());
  for (int i = 0; i < wavehax::kTileFrames; ++i) {
    float* const alone = to[wavehax::kTileFrames + i];
    k.depthwise(in.data() + i, 1, s, t.block.weights(), &alone);
    check(planes[i] == planes[wavehax::kTileFrames + i], "tiles depthwise, frames alone");
  }
}

// Checks products of whole numbers, whose sums are exact in any order. On pairs checks those of
// subnormal numbers too, which count as zeros.
void test_products(const TileKernels& k) {
  constexpr int kDepth = wavehax::kTileDepth, kColumns = wavehax::kTileSide;
  const float tiny = std::ldexp(1.0f, -130), small = std::ldexp(1.0f, -100);
  wavehax::Aligned<Bf16> x(kDepth), weight(kDepth * kColumns);
  Floats bias(kColumns), out(kColumns);
  const auto set = [&](int term, float a, float b) {
    x[term] = static_cast<Bf16>(wavehax::to_bf16(a));
    weight[term / 2 * 2 * kColumns + term % 2] = static_cast<Bf16>(wavehax::to_bf16(b));
  };
  const auto product = [&](float start) {
    bias[0] = start;
    k.project(x.data(), 1, kDepth, weight.data(), bias.data(), kColumns, out.data());
    return out[0];
  };
  for (int i = 0; i < kDepth; ++i) set(i, static_cast<float>(i + 1), static_cast<float>(2 - i));
  check(product(5.0f) == 5.0f - 9856.0f, "products of whole numbers are exact");
  if (!on_pairs(k)) return;
  for (int i = 0; i < kDepth; ++i) set(i, 0.0f, 0.0f);
  set(0, tiny, std::ldexp(1.0f, 100));
  check(product(0.0f) == 0.0f, "a subnormal factor is a zero");
  set(0, small, std::ldexp(1.0f, -30));
  check(product(0.0f) == 0.0f, "a subnormal result is a zero");
  set(0, 0.0f, 0.0f);
  check(product(tiny) == 0.0f, "a subnormal sum is a zero");
}

void test_kernels(const TileKernels& k) {
  for (int rows : {1, 2, 7, 8, 9, 17})
    for (int outputs : {1, 16, 33, 150, 257})
      test_project(k, rows, 1 + rows % 2, 1 + rows % 3, 1 + outputs % 37, outputs);
  for (int channels : {1, 16, 17, 48})
    for (int bins : {1, 2, 15, 16, 17, 33, 61, 97, 257}) {
      const int taps = 1 + 2 * ((bins + channels) % 9);
      test_block(k, bins, channels, channels * (1 + bins % 4), taps / 2 < bins ? taps : 1,
                 1 + bins % 7, 1 + bins % 4, bins % 2 == 0);
      test_planes(k, 1 + bins % 12, bins, channels);
    }
  test_block(k, 40, 5, 90, 33, 3, 2, true);  // 33 taps: a window of several tiles
  test_block(k, 16, 3, 12, 31, 2, 4, true);  // as wide a kernel as bins can be mirrored for
  for (int bins : {9, 50, 257, 289}) test_frames_alone(k, bins, 16, 13, 1 + bins % 7);
  test_products(k);
}

}  // namespace

int main() {
  const auto tables =
      wavehax::tile_kernels(wavehax::choose_kernels(wavehax::available_isas().front()));
  for (const TileKernels* k : tables) test_kernels(*k);
  return report();
}
