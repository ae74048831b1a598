#include "weights.h"

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <stdexcept>

namespace wavehax {
namespace {

constexpr float kLargestBf16 = 0x1.fep127f;

std::string text(const std::vector<long>& shape) {
  std::string result = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) result += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return result + "]";
}

}  // namespace

const float* Weights::take(const std::string& name, const std::vector<long>& shape) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw std::invalid_argument("tensor '" + name + "' is missing");
  if (found->second.shape != shape)
    throw std::invalid_argument("tensor '" + name + "' has shape " + text(found->second.shape) + ", expected " + text(shape));
  taken_.insert(name);
  return found->second.data;
}

void Weights::check_bf16() const {
  for (const auto& [name, tensor] : tensors_) {
    std::size_t count = 1;
    for (const long n : tensor.shape) count *= static_cast<std::size_t>(n);
    for (std::size_t i = 0; i < count; ++i) {
      if (std::abs(tensor.data[i]) <= kLargestBf16) continue;
      char value[32];
      std::snprintf(value, sizeof value, "%.7g", static_cast<double>(tensor.data[i]));
      throw std::invalid_argument("tensor '" + name + "' holds " + value +
                                  ": expected at most 3.389531e+38, the largest bfloat16; precision 'fp32' takes it");
    }
  }
}

void Weights::check_all_taken() const {
  for (const auto& entry : tensors_)
    if (taken_.count(entry.first) == 0) throw std::invalid_argument("tensor '" + entry.first + "' is not part of this model");
}

}  // namespace wavehax
