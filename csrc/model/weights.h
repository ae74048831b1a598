// The tensors of a model file by name, each taken exactly once.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace wavehax {

struct Tensor {
  std::vector<long> shape;
  const float* data = nullptr;  // C order
};

class Weights {
 public:
  explicit Weights(std::map<std::string, Tensor> tensors) : tensors_(std::move(tensors)) {}

  // Returns the values of a tensor. Throws std::invalid_argument, which names the tensor, if it is
  // missing or has another shape.
  const float* take(const std::string& name, const std::vector<long>& shape);

  // Throws std::invalid_argument, which names the tensor, if a value is larger than the largest
  // bfloat16: rounded to one, it might become infinite. Call after check_all_taken.
  void check_bf16() const;

  // Throws std::invalid_argument if there is a tensor that no layer has taken.
  void check_all_taken() const;

 private:
  std::map<std::string, Tensor> tensors_;
  std::set<std::string> taken_;
};

}  // namespace wavehax
