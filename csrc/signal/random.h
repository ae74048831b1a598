// Counter-based gaussian noise: a value depends on the seed and its own index alone, so that chunks need no shared state.
#pragma once

#include <cstdint>

#include "../kernels/table.h"

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
  Noise(const Kernels& kernels, std::uint64_t seed)
      : kernels_(&kernels), key0_(static_cast<std::uint32_t>(seed)), key1_(static_cast<std::uint32_t>(seed >> 32)) {}

  // Uniform 32 bits: the initial phase of a voice, from a counter that no sample uses.
  std::uint32_t phase() const;

  // Standard normal values first .. first + count, by the Box-Muller transform on blocks of four.
  void normal(std::int64_t first, std::int64_t count, float* out) const;

 private:
  const Kernels* kernels_;
  std::uint32_t key0_, key1_;
};

}  // namespace wavehax
