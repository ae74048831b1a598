#include "weights.h"

#include <stdexcept>

namespace wavehax {
namespace {

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

void Weights::check_all_taken() const {
  for (const auto& entry : tensors_)
    if (taken_.count(entry.first) == 0) throw std::invalid_argument("tensor '" + entry.first + "' is not part of this model");
}

}  // namespace wavehax
