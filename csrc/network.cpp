#include "network.h"

#include "vector_network.h"

namespace wavehax {

std::unique_ptr<Network> make_network(const Engine& engine, std::int64_t tile) {
  return std::make_unique<VectorNetwork>(engine, tile);
}

}  // namespace wavehax
