// The width to which all vectors are padded, whatever the instruction set.
#pragma once

namespace wavehax {

constexpr int kLane = 16;  // floats to which channels and bins are padded: one 512-bit register

inline int padded(int n) { return (n + kLane - 1) / kLane * kLane; }

}  // namespace wavehax
