// Rows as kernels read them (see table.h), from tensors whose channels lie side by side without padding.
#pragma once

#include <algorithm>
#include <vector>

#include "../signal/buffers.h"
#include "table.h"

namespace wavehax::training {

// Copies `positions` of `channels` to where they lie padded(channels) apart. The padding is left as it is.
inline void widen(const float* from, long positions, int channels, float* to) {
  const int width = padded(channels);
  if (width == channels) {
    std::copy_n(from, positions * channels, to);
    return;
  }
  for (long t = 0; t < positions; ++t) std::copy_n(from + t * channels, channels, to + t * width);
}

// The reverse.
inline void narrow(const float* from, long positions, int channels, float* to) {
  const int width = padded(channels);
  if (width == channels) {
    std::copy_n(from, positions * channels, to);
    return;
  }
  for (long t = 0; t < positions; ++t) std::copy_n(from + t * width, channels, to + t * channels);
}

// The latest rows that a thread has made. A convolution sees `slots` neighbouring bins, whose numbers differ modulo `slots`.
class RowCache {
 public:
  RowCache(int slots, long floats) : data_(slots * floats), held_(slots, -1), floats_(floats) {}

  void clear() { std::fill(held_.begin(), held_.end(), -1); }

  // Row `bin`, made by fill(row) unless it is here. What `fill` leaves alone is zero.
  template <typename Fill>
  const float* get(long bin, const Fill& fill) {
    const long slot = bin % static_cast<long>(held_.size());
    float* row = data_.data() + slot * floats_;
    if (held_[slot] != bin) fill(row);
    held_[slot] = bin;
    return row;
  }

 private:
  Floats data_;
  std::vector<long> held_;
  long floats_;
};

}  // namespace wavehax::training
