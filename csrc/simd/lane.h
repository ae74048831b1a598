// The width to which all vectors are padded, whatever the instruction set.
#pragma once

namespace wavehax {

// Channels and bins are padded to a multiple of kLane floats: one 512-bit register.
constexpr int kLane = 16;

inline int padded(int n) { return (n + kLane - 1) / kLane * kLane; }

}  // namespace wavehax
