// The configuration in a model file: JSON to the engine's structures, as wavehax.config.from_dict.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../model/config.h"
#include "../voice/f0.h"

namespace wavehax {

struct ModelConfig {
  Config generator;
  double log_floor;  // of the features
  std::optional<F0Config> f0;
};

// `text`: {"generator": {...}, "features": {...}, "provenance": {...}}, perhaps with "f0": {...}. Throws
// std::invalid_argument, naming field, value and what was expected, for what names no model.
ModelConfig parse_config(std::string_view text);

// Names and shapes of the tensors that a model of this configuration has; wavehax.config says the same.
using Shapes = std::map<std::string, std::vector<long>>;
Shapes parameter_shapes(const Config& config);
Shapes f0_parameter_shapes(const F0Config& config);

}  // namespace wavehax
