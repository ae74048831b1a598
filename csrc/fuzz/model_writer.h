// Makes model files of any configuration with random weights, in memory.
#pragma once

#include <cstdint>
#include <string>

#include "../capi/model_config.h"

namespace wavehax {

// Returns the smallest generator that streams: 1 band, 1 channel, 3 bins.
Config smallest_config();

// Returns the configuration of a model file as JSON. `f0` may be null.
std::string config_json(const Config& config, const F0Config* f0);

// Returns a model file. `f0` may be null; its n_mels is the generator's. Throws
// std::invalid_argument for a config that describes no model.
std::string model_file(const Config& config, const F0Config* f0, std::uint32_t seed);

}  // namespace wavehax
