#include "cpu.h"

#include <algorithm>
#include <chrono>

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
// Asks for tiles. They are 8 KB of state, which Linux saves only for processes that ask
// (Documentation/arch/x86/xstate.rst).
bool tiles_lent() {
  // Bits of EDX in CPUID leaf 7.
  constexpr unsigned kTileBf16 = 1u << 22, kTile = 1u << 24;
  // Their names in Linux are ARCH_REQ_XCOMP_PERM and XFEATURE_XTILEDATA.
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kTileBf16) == 0 || (d & kTile) == 0)
    return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#endif

// The multiply-adds in whose time a product of pairs must be done. It does the work of two, and the
// products are three quarters of the instructions of `vocos-24k` (docs/architecture.md). At 1.9 the
// model would be as fast as in float32. On Zen 5 it is 1.1. One Xeon was slower on pairs.
constexpr double kMostTime = 1.5;

// Returns the time in seconds of some multiply-adds. Their result is written where the compiler
// cannot leave it out.
template <typename Table>
double seconds(const Table& table) {
  constexpr std::int64_t kRounds = 2000;  // 24,000 instructions, some 10 us
  const auto start = std::chrono::steady_clock::now();
  volatile float sink = table.multiply_adds(kRounds);
  static_cast<void>(sink);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Returns the time of a product of pairs in multiply-adds. Takes the least of several times, by
// turns: wide registers need some 20 us to reach their speed.
double product_time(const TileKernels& tiles, const Kernels& kernels) {
  double product = seconds(tiles), multiply_add = seconds(kernels);
  for (int i = 0; i < 8; ++i) {
    product = std::min(product, seconds(tiles));
    multiply_add = std::min(multiply_add, seconds(kernels));
  }
  return product / multiply_add;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Kernels* kernels : compiled_kernels())
    if (isa_supported(kernels->isa)) names.push_back(kernels->isa);
  return names;
}

const Kernels& choose_kernels(const std::string& isa) {
  return choose_table(compiled_kernels(), isa);
}

std::vector<const TileKernels*> tile_kernels([[maybe_unused]] const Kernels& kernels) {
  std::vector<const TileKernels*> found;
#if defined(__x86_64__)
  if (&kernels == &avx512_kernels() && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
#if defined(__linux__)
    static const bool lent = tiles_lent();
    if (lent) found.push_back(&amx_kernels());
#endif
    if (__builtin_cpu_supports("avx512bf16")) found.push_back(&avx512bf16_kernels());
  }
#endif
#if defined(WAVEHAX_EMULATED_PAIRS)
  found.push_back(&emulated_kernels());
#endif
  return found;
}

bool faster(const TileKernels& tiles, const Kernels& kernels) {
  if (tiles.multiply_adds == nullptr) return true;
  static const bool measured = product_time(tiles, kernels) < kMostTime;
  return measured;
}

}  // namespace wavehax
