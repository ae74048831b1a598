#include "cpu.h"

#include "isa.h"
#include "tiles.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace wavehax {
namespace {

std::vector<const Kernels*> compiled_kernels() {
#if defined(__x86_64__) || defined(__i386__)
  return {&avx512_kernels(), &avx2_kernels(), &portable_kernels()};
#elif defined(__aarch64__)
  return {&neon_kernels(), &portable_kernels()};
#else
  return {&portable_kernels()};
#endif
}

#if defined(__x86_64__) && defined(__linux__)
// Tiles are 8 KB of state that Linux saves only for processes which ask (Documentation/arch/x86/xstate.rst).
bool tiles_lent() {
  constexpr unsigned kTileBf16 = 1u << 22, kTile = 1u << 24;  // CPUID leaf 7, EDX
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kTileBf16) == 0 || (d & kTile) == 0) return false;
  if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl")) return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#endif

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Kernels* kernels : compiled_kernels())
    if (isa_supported(kernels->isa)) names.push_back(kernels->isa);
  return names;
}

const Kernels& choose_kernels(const std::string& isa) { return choose_table(compiled_kernels(), isa); }

const TileKernels* tile_kernels([[maybe_unused]] const Kernels& kernels) {
#if defined(__x86_64__) && defined(__linux__)
  static const bool lent = tiles_lent();
  if (lent && &kernels == &avx512_kernels()) return &amx_kernels();
#endif
  return nullptr;
}

}  // namespace wavehax
