#include "network.h"

#include "tile_network.h"
#include "vector_network.h"

namespace wavehax {

std::unique_ptr<Network> make_network(const Engine& engine, std::int64_t tile) {
  if (engine.tiles) return std::make_unique<TileNetwork>(engine, tile);
  return std::make_unique<VectorNetwork>(engine, tile);
}

}  // namespace wavehax
