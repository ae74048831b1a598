// A fuzzer's input as a sequence of choices, and the check that every target uses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

// Ends the run like a sanitizer unless `ok` holds.
inline void require(bool ok, const char* claim) {
  if (ok) return;
  std::fprintf(stderr, "FAILED: %s\n", claim);
  std::abort();
}

// The input as a sequence of numbers. They are zeros once it is used up.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  bool empty() const { return at_ >= size_; }
  int byte() { return empty() ? 0 : data_[at_++]; }
  int below(int n) { return byte() % n; }
  template <typename T>
  T pick(std::initializer_list<T> choices) {
    return *(choices.begin() + below(static_cast<int>(choices.size())));
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_, at_ = 0;
};
