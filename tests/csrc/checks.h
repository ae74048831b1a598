// What the tests of kernels share: random values, exact results and a count of what held.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>

#include "../../csrc/buffers.h"

namespace {

using wavehax::Floats;

int passed = 0, failed = 0;
std::mt19937 rng(1);

void check(bool ok, const std::string& what) {
  ok ? ++passed : ++failed;
  if (!ok) std::printf("FAILED: %s\n", what.c_str());
}

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

double exact_gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

// The nearest bfloat16, ties to even.
float bf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = (bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

int report() {
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
