// Which instruction set the kernels use: found once per engine, with the operating system's consent, and overridable.
#pragma once

#include <string>
#include <vector>

namespace wavehax {

struct Kernels;
struct TileKernels;

// Names of the instruction sets that this machine can run, fastest first; the last is always "portable".
std::vector<std::string> available_isas();

// The kernels of `isa`, or of the fastest available one for "auto", where WAVEHAX_ISA in the environment may name another.
// Throws std::invalid_argument for a name that is unknown or not available here.
const Kernels& choose_kernels(const std::string& isa);

// The kernels on matrix tiles that go with `kernels`, or null where the processor has none or the operating system does not lend
// them: it asks for them, once. From then on the process may set no signal stack too small for them (sigaltstack).
const TileKernels* tile_kernels(const Kernels& kernels);

}  // namespace wavehax
