// Counter-based gaussian noise: a value depends on the seed and its own index alone, so that chunks need no shared state.
#pragma once

#include <cmath>
#include <cstdint>

namespace wavehax {

// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four words of 32 bits from a
// counter of 128 bits and a key of 64.
inline void philox(std::uint32_t counter[4], std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xD2511F53ull * counter[0], b = 0xCD9E8D57ull * counter[2];
    const std::uint32_t next[4] = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key0, static_cast<std::uint32_t>(b),
                                   static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key1, static_cast<std::uint32_t>(a)};
    for (int i = 0; i < 4; ++i) counter[i] = next[i];
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

class Noise {
 public:
  explicit Noise(std::uint64_t seed = 0)
      : key0_(static_cast<std::uint32_t>(seed)), key1_(static_cast<std::uint32_t>(seed >> 32)) {}

  // Uniform in [0, 1): the initial phase of a voice, from a counter that no sample uses.
  double phase() const {
    std::uint32_t word[4] = {0, 0, 0, 1};
    philox(word, key0_, key1_);
    return word[0] * (1.0 / 4294967296.0);
  }

  // Standard normal values first .. first + count, by the Box-Muller transform on blocks of four.
  void normal(std::int64_t first, std::int64_t count, float* out) const {
    float block[4];
    std::int64_t at = -1;
    for (std::int64_t i = first; i < first + count; ++i) {
      if (i / 4 != at) {
        at = i / 4;
        fill(static_cast<std::uint64_t>(at), block);
      }
      out[i - first] = block[i % 4];
    }
  }

 private:
  void fill(std::uint64_t index, float block[4]) const {
    std::uint32_t word[4] = {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), 0, 0};
    philox(word, key0_, key1_);
    for (int i = 0; i < 4; i += 2) {
      const float u = (static_cast<float>(word[i] >> 8) + 1.0f) * 0x1p-24f;  // (0, 1]: the logarithm is finite
      const float angle = static_cast<float>(word[i + 1] >> 8) * (6.28318530717958648f * 0x1p-24f);
      const float radius = std::sqrt(-2.0f * std::log(u));
      block[i] = radius * std::cos(angle);
      block[i + 1] = radius * std::sin(angle);
    }
  }

  std::uint32_t key0_, key1_;
};

}  // namespace wavehax
