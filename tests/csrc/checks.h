// What the tests of kernels share: random values and blocks, and exact results.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>

#include "../../csrc/signal/buffers.h"
#include "../../csrc/model/layers.h"
#include "tally.h"

namespace {

using wavehax::Floats;

std::mt19937 rng(1);

// |value - exact| <= terms * 2^-23 * sum of |products|: float32 rounding of a sum in any order.
void check_close(float value, double exact, double magnitude, int terms, const std::string& what) {
  const double bound = (terms + 4) * 1.2e-7 * magnitude + 1e-30;
  check(std::fabs(value - exact) <= bound, what + ": " + std::to_string(value) + " is not " + std::to_string(exact));
}

Floats random_floats(std::size_t count) {
  std::normal_distribution<float> normal;
  Floats values(count);
  for (float& v : values) v = normal(rng);
  return values;
}

// [rows][width] of which the last width - used columns are zero, as the engine keeps its frames.
Floats random_frame(int rows, int used, int width) {
  Floats values = random_floats(static_cast<std::size_t>(rows) * width);
  for (int r = 0; r < rows; ++r)
    for (int c = used; c < width; ++c) values[r * width + c] = 0.0f;
  return values;
}

// A block with random weights, in the order of the model file, as the kernels to be tested take it.
template <class Block>
struct TestBlock {
  TestBlock(int bins, int channels, int expanded, int taps, int frames)
      : dw(random_floats(channels * taps * frames)), w1(random_floats(expanded * channels)), b1(random_floats(expanded)),
        w2(random_floats(channels * expanded)), b2(random_floats(channels)), ones(channels, 1.0f),
        weights({{"b.dwconv.weight", {{channels, 1, taps, frames}, dw.data()}}, {"b.norm.weight", {{channels}, ones.data()}},
                 {"b.norm.bias", {{channels}, ones.data()}}, {"b.pwconv1.weight", {{expanded, channels}, w1.data()}},
                 {"b.pwconv1.bias", {{expanded}, b1.data()}}, {"b.pwconv2.weight", {{channels, expanded}, w2.data()}},
                 {"b.pwconv2.bias", {{channels}, b2.data()}}, {"b.gamma", {{channels}, ones.data()}}}),
        block(wavehax::Block(weights, "b", wavehax::NormKind::kFrame, {channels, expanded, taps, frames, bins})) {}

  Floats dw, w1, b1, w2, b2, ones;
  wavehax::Weights weights;
  Block block;
};

double exact_gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

// The nearest bfloat16, ties to even.
float bf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = (bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

}  // namespace
