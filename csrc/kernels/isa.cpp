#include "isa.h"

namespace wavehax {

// __builtin_cpu_supports asks CPUID and, for the wide registers, XGETBV: the operating system must save them too.
bool isa_supported(const std::string& isa) {
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

}  // namespace wavehax
