#include "cpu.h"

#include <cstdlib>
#include <stdexcept>

#include "kernels/table.h"

namespace wavehax {
namespace {

// __builtin_cpu_supports asks CPUID and, for the wide registers, XGETBV: the operating system must save them too.
bool supported(const std::string& isa) {
  if (isa == "portable") return true;
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == "avx2") return avx2;
  if (isa == "avx512") return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#elif defined(__aarch64__)
  if (isa == "neon") return true;  // part of the architecture's baseline
#endif
  return false;
}

std::vector<const Kernels*> compiled_kernels() {
#if defined(__x86_64__) || defined(__i386__)
  return {&avx512_kernels(), &avx2_kernels(), &portable_kernels()};
#elif defined(__aarch64__)
  return {&neon_kernels(), &portable_kernels()};
#else
  return {&portable_kernels()};
#endif
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Kernels* kernels : compiled_kernels())
    if (supported(kernels->isa)) names.push_back(kernels->isa);
  return names;
}

const Kernels& choose_kernels(const std::string& isa) {
  std::string wanted = isa;
  if (wanted == "auto") {
    const char* chosen = std::getenv("WAVEHAX_ISA");
    if (chosen != nullptr && *chosen != '\0') wanted = chosen;
  }
  std::string names;
  for (const Kernels* kernels : compiled_kernels()) {
    if (!supported(kernels->isa)) continue;
    if (wanted == "auto" || wanted == kernels->isa) return *kernels;
    names += (names.empty() ? "" : ", ") + std::string(kernels->isa);
  }
  throw std::invalid_argument("isa='" + wanted + "': expected 'auto' or one that this machine has: " + names);
}

}  // namespace wavehax
