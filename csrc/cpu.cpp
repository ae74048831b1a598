#include "cpu.h"

#include "isa.h"
#include "kernels/table.h"

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

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Kernels* kernels : compiled_kernels())
    if (isa_supported(kernels->isa)) names.push_back(kernels->isa);
  return names;
}

const Kernels& choose_kernels(const std::string& isa) { return choose_table(compiled_kernels(), isa); }

}  // namespace wavehax
