#include "random.h"

#include <algorithm>

namespace wavehax {
namespace {

constexpr int kPairs = 2 * kLane;  // pairs of values that one call of the kernel makes

}  // namespace

std::uint32_t Noise::phase() const {
  std::uint32_t word[4] = {0, 0, 0, 1};
  philox(word, key0_, key1_);
  return word[0];
}

void Noise::normal(std::int64_t first, std::int64_t count, float* out) const {
  alignas(64) std::int32_t uniform[kPairs], angle[kPairs];
  alignas(64) float values[2][kPairs];  // cosines, sines: those of even and of odd index
  for (std::int64_t at = first & ~std::int64_t{3}; at < first + count; at += 2 * kPairs) {
    for (int i = 0; i < kPairs; i += 2) {
      const auto index = static_cast<std::uint64_t>((at + 2 * i) / 4);
      std::uint32_t word[4] = {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), 0, 0};
      philox(word, key0_, key1_);
      for (int j = 0; j < 2; ++j) {
        uniform[i + j] = static_cast<std::int32_t>((word[2 * j] >> 8) + 1);  // (0, 2^24]: the logarithm is finite
        angle[i + j] = static_cast<std::int32_t>(word[2 * j + 1]);
      }
    }
    kernels_->gaussians(uniform, angle, kPairs, values[0], values[1]);
    const std::int64_t from = std::max(first, at), until = std::min(first + count, at + 2 * kPairs);
    for (std::int64_t i = from; i < until; ++i) out[i - first] = values[(i - at) % 2][(i - at) / 2];
  }
}

}  // namespace wavehax
