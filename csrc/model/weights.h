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

  // Throws std::invalid_argument, naming the tensor, where it is missing or of another shape.
  const float* take(const std::string& name, const std::vector<long>& shape);

  // Of tensors that were all taken. Throws std::invalid_argument, naming the tensor, where a value is larger than the
  // largest of bfloat16: rounded, it may be infinite.
  void check_bf16() const;

  // Throws std::invalid_argument where a tensor was given that no layer took.
  void check_all_taken() const;

 private:
  std::map<std::string, Tensor> tensors_;
  std::set<std::string> taken_;
};

}  // namespace wavehax
