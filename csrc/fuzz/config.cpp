// Reads bytes as the configuration of a model. They must be refused with a message, or all its
// tensors must have a size.
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "bytes.h"
#include "model_writer.h"
#include "mutate.h"

namespace {

// One in kRestart mutations starts again from a valid text.
constexpr unsigned kRestart = 16;

void check(const wavehax::Shapes& shapes) {
  for (const auto& tensor : shapes)
    for (const long n : tensor.second) require(n > 0, "tensors of a configuration have sizes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    wavehax::ModelConfig config =
        wavehax::parse_config({reinterpret_cast<const char*>(data), size});
    // The reader of model files bounds the blocks by the number of tensors; here three stand for
    // all.
    config.generator.num_blocks = std::min(config.generator.num_blocks, 3);
    check(wavehax::parameter_shapes(config.generator));
    if (config.f0) check(wavehax::f0_parameter_shapes(*config.f0));
  } catch (const std::invalid_argument& refusal) {
    require(refusal.what()[0] != '\0', "a refusal says why");
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  std::minstd_rand rng(seed);
  const wavehax::F0Config f0 = {1, 1, 1, 1, 2, 50.0, 25.0};
  std::string text(reinterpret_cast<const char*>(data), size);
  if (text.empty() || rng() % kRestart == 0)
    text = wavehax::config_json(wavehax::smallest_config(), rng() % 2 ? &f0 : nullptr);
  if (rng() % 2)
    mutate(text);
  else
    change_number(text, rng);
  const std::size_t result = std::min(text.size(), most);
  std::memcpy(data, text.data(), result);
  return result;
}
