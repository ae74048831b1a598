// Model files: safetensors with the configuration inside. wavehax/checkpoint.py describes the layout and refuses the same.
// Everything is checked before the engine sees it: whatever is in a file, the worst it can do is be refused.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "../model/weights.h"
#include "model_config.h"

namespace wavehax {

struct ModelFile {
  std::string config_text;  // JSON, as in the file
  ModelConfig config;
  std::vector<float> values;                    // of all tensors
  std::map<std::string, Tensor> generator, f0;  // views of `values`, names without the prefix `f0.`
};

// Throw std::invalid_argument, naming the tensor or field, for what is not exactly the model that its configuration
// describes. Refusing a file takes less memory than twice its size and 6 MB: its tensors are read last.
ModelFile read_model_file(const std::string& path);
ModelFile read_model_file(const void* data, std::size_t size);

}  // namespace wavehax
