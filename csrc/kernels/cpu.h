// The choice of the instruction set that the kernels use. It is made once per engine, asks the
// operating system too, and can be overridden.
#pragma once

#include <string>
#include <vector>

namespace wavehax {

struct Kernels;
struct TileKernels;

// Returns the names of the instruction sets that this machine can run, fastest first. The last is
// always "portable".
std::vector<std::string> available_isas();

// Returns the kernels of `isa`, or the fastest available ones for "auto", unless WAVEHAX_ISA in the
// environment names others. Throws std::invalid_argument for a name that is unknown or not
// available here.
const Kernels& choose_kernels(const std::string& isa);

// Returns the bfloat16 kernels that this machine can run beside the float32 `kernels`, fastest
// first: those on matrix tiles (AMX), then those on pairs (AVX512-BF16). The list is empty if the
// processor has neither. The first call asks the operating system to permit tiles; if it refuses,
// they are left out. Once it has permitted them, the process may not set a signal stack that is
// too small for them (sigaltstack).
std::vector<const TileKernels*> tile_kernels(const Kernels& kernels);

// Returns whether a model is faster on `tiles` than on `kernels`. For pairs the first call measures
// it, in less than a millisecond; later calls return the same.
bool faster(const TileKernels& tiles, const Kernels& kernels);

}  // namespace wavehax
