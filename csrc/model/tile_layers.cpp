#include "tile_layers.h"

#include <algorithm>

namespace wavehax {
namespace {

// Appends a left tile, [rows][terms].
template <typename Value>
void append_left(Aligned<Bf16>& tiles, const Value& value) {
  for (int r = 0; r < kTileSide; ++r)
    for (int k = 0; k < kTileDepth; ++k) tiles.push_back(static_cast<Bf16>(to_bf16(value(r, k))));
}

// Appends a right tile, [pairs of terms][columns][2].
template <typename Value>
void append_right(Aligned<Bf16>& tiles, const Value& value) {
  for (int k = 0; k < kTileDepth; k += 2)
    for (int n = 0; n < kTileSide; ++n)
      for (int i = 0; i < 2; ++i) tiles.push_back(static_cast<Bf16>(to_bf16(value(k + i, n))));
}

// Left tiles of weight [depth][outputs], both padded.
Aligned<Bf16> left_tiles(const Floats& weight, int depth, int outputs) {
  Aligned<Bf16> result;
  for (int n = 0; n < outputs; n += kTileSide)
    for (int k = 0; k < depth; k += kTileDepth)
      append_left(result, [&](int r, int i) { return k + i < depth ? weight[(k + i) * outputs + n + r] : 0.0f; });
  return result;
}

Floats repeated(const Floats& values) {
  Floats result;
  for (const float value : values) result.insert(result.end(), kTileSide, value);
  return result;
}

// Output n of sixteen meets, at terms k and k + 1 of its window, taps k - n and k + 1 - n.
Aligned<Bf16Pair> toeplitz(const Floats& dwconv, const TileShape& s) {
  Aligned<Bf16Pair> result(static_cast<std::size_t>(s.channels) * s.frames * s.diagonals());
  for (int c = 0; c < s.channels; ++c)
    for (int j = 0; j < s.frames; ++j)
      for (int d = 0; d < s.diagonals(); ++d) {
        const int first = s.diagonals() - kTileSide - d;
        const auto tap = [&](int i) { return i >= 0 && i < s.taps ? to_bf16(dwconv[(j * s.taps + i) * s.channels + c]) : 0u; };
        result[(c * s.frames + j) * s.diagonals() + d] = tap(first) | tap(first + 1) << 16;
      }
  return result;
}

Floats padded_taps(const Floats& dwconv, const TileShape& s) {
  Floats result(static_cast<std::size_t>(s.channels) * s.frames * padded(s.taps));
  for (int c = 0; c < s.channels; ++c)
    for (int j = 0; j < s.frames; ++j)
      for (int i = 0; i < s.taps; ++i) result[(c * s.frames + j) * padded(s.taps) + i] = dwconv[(j * s.taps + i) * s.channels + c];
  return result;
}

}  // namespace

TileProjection::TileProjection(const float* w, const float* b, int outputs, int inputs_)
    : inputs(inputs_), depth(tiles(inputs_, kTileDepth) * kTileDepth), columns(padded(outputs)), bias(columns) {
  if (b != nullptr) std::copy_n(b, outputs, bias.begin());
  for (int n = 0; n < columns; n += kTileSide)
    for (int k = 0; k < depth; k += kTileDepth)
      append_right(weight, [&](int i, int m) {
        const bool inside = n + m < outputs && k + i < inputs;
        return inside ? w[static_cast<std::size_t>(n + m) * inputs + k + i] : 0.0f;
      });
}

void TileProjection::run(const TileKernels& kernels, const float* const* rows, int count, Bf16* rounded, float* out) const {
  run_from(bias.data(), kernels, rows, count, rounded, out);
}

void TileProjection::add(const TileKernels& kernels, const float* const* rows, int count, Bf16* rounded, float* out) const {
  run_from(nullptr, kernels, rows, count, rounded, out);
}

void TileProjection::run_from(const float* start, const TileKernels& kernels, const float* const* rows, int count,
                              Bf16* rounded, float* out) const {
  for (int i = 0; i < count; ++i) {
    Bf16* to = rounded + static_cast<std::ptrdiff_t>(i) * depth;
    kernels.round(rows[i], padded(inputs), to);
    std::fill(to + padded(inputs), to + depth, Bf16{0});
  }
  kernels.project(rounded, count, depth, weight.data(), start, columns, out);
}

TileBlock::TileBlock(const Block& block)
    : shape{block.size.kernel_frames, block.size.kernel_bins,       block.size.bins,
            block.size.channels,      padded(block.size.channels), padded(block.size.expanded)},
      dwconv(toeplitz(block.dwconv, shape)),
      weight2(left_tiles(block.weight2, shape.expanded, shape.channels)),
      taps(padded_taps(block.dwconv, shape)),
      bias1(repeated(block.bias1)),
      bias2(repeated(block.bias2)) {
  Floats weight(block.weight1);
  weight.resize(static_cast<std::size_t>(shape.channels) * shape.expanded);
  weight1 = left_tiles(weight, shape.channels, shape.expanded);
}

}  // namespace wavehax
