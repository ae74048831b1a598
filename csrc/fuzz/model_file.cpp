// Bytes as a model file: refused with a message, or a model that computes.
#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "bytes.h"
#include "model_writer.h"
#include "mutate.h"
#include "wavehax.h"

namespace {

constexpr int kFrames = 3;
constexpr std::size_t kLength = sizeof(std::uint64_t);
constexpr unsigned kRestart = 16;  // of so many mutations one begins anew

void use(wavehax_model* model) {
  wavehax_info info = {};
  info.size = sizeof info;
  require(wavehax_model_info(model, &info, nullptr) == WAVEHAX_OK, "a loaded model tells what it is");
  require(std::strstr(wavehax_model_config(model), "generator") != nullptr, "a loaded model has its configuration");
  const std::vector<float> mel(static_cast<std::size_t>(kFrames) * info.n_mels, 0.5f), f0(kFrames, 100.0f);
  std::vector<float> wave(static_cast<std::size_t>(kFrames) * info.hop_length);
  require(wavehax_vocode(model, mel.data(), f0.data(), kFrames, nullptr, wave.data(), nullptr) == WAVEHAX_OK,
          "a loaded model computes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wavehax_model* model = nullptr;
  wavehax_error error = {""};
  const wavehax_status status = wavehax_model_load_memory(data, size, nullptr, &model, &error);
  require((status == WAVEHAX_OK) == (model != nullptr), "a model if and only if all is well");
  require(status == WAVEHAX_OK || (status == WAVEHAX_ERROR_MODEL && error.message[0] != '\0'),
          "a refusal is of the file, and says why");
  if (model != nullptr) use(model);
  wavehax_model_free(model);
  return 0;
}

// The parts of a file apart, so that a longer header does not only spoil the length before it.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  std::minstd_rand rng(seed);
  std::string file(reinterpret_cast<const char*>(data), size);
  const wavehax::F0Config f0 = {1, 1, 1, 1, 2, 50.0, 25.0};
  if (size < 2 * kLength || rng() % kRestart == 0)
    file = wavehax::model_file(wavehax::smallest_config(), rng() % 2 ? &f0 : nullptr, seed);
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLength);
  length = std::min<std::uint64_t>(length, file.size() - kLength);
  std::string header = file.substr(kLength, length), tensors = file.substr(kLength + length);
  const auto put = [&](const std::string& result) {
    std::memcpy(data, result.data(), std::min(result.size(), most));
    return std::min(result.size(), most);
  };
  switch (rng() % 8) {
    case 0: mutate(file); return put(file);
    case 1: mutate(tensors); break;
    case 2: mutate(header); break;
    default: change_number(header, rng);
  }
  length = header.size();
  return put(std::string(reinterpret_cast<const char*>(&length), kLength) + header + tensors);
}
