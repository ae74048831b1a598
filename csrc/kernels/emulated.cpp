// The kernels on pairs of bfloat16 with the product of pairs emulated, for the tests: few machines
// have the instruction. No other build has them; tests/engine/builds.py says how to make one.
#if defined(WAVEHAX_EMULATED_PAIRS)

#include <cstring>

#include "tiles.h"

namespace wavehax {
namespace {

#include "tile_vectors_emulated.h"
#include "pair_kernels.h"

}  // namespace

const TileKernels& emulated_kernels() { return kKernels; }
}  // namespace wavehax

#endif
