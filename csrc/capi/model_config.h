// The configuration in a model file: from JSON to the engine's structures. Twin of
// wavehax.config.from_dict.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../model/config.h"
#include "../signal/mel.h"
#include "../voice/f0.h"

namespace wavehax {

struct ModelConfig {
  Config generator;
  FeatureConfig features;
  std::optional<F0Config> f0;
};

// Reads {"generator": {...}, "features": {...}, "provenance": {...}}, with "f0": {...} if F0 is
// predicted. Throws std::invalid_argument, which names the field, the value and the values
// expected, if the text describes no model.
ModelConfig parse_config(std::string_view text);

// Return the names and shapes of the tensors of a model with this configuration. wavehax.config has
// the same.
using Shapes = std::map<std::string, std::vector<long>>;
Shapes parameter_shapes(const Config& config);
Shapes f0_parameter_shapes(const F0Config& config);

}  // namespace wavehax
