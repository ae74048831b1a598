#include "tile_network.h"

#include <algorithm>
#include <atomic>

#include "../kernels/parallel.h"

namespace wavehax {

TileNetwork::TileNetwork(const Engine& engine, std::int64_t tile)
    : engine_(engine),
      layers_(*engine.tiles),
      kernels_(layers_.kernels),
      shape_(layers_.blocks.front().shape),
      tile_(tile),
      scratch_(shape_.scratch_size()),
      convolved_(block_tile() * shape_.planes_size()),
      scale_(shape_.channels),
      shift_(shape_.channels),
      rounded_(2 * kProjectedFrames * std::max(layers_.cond_proj[0].depth, tiles(engine.bins, kTileDepth) * kTileDepth)),
      convolved_rows_(block_tile()),
      moments_(engine.streamable ? 0 : block_tile()) {
  for (std::size_t i = 0; i < convolved_rows_.size(); ++i) convolved_rows_[i] = convolved_.data() + i * shape_.planes_size();
}

std::size_t TileNetwork::memory() const {
  const std::size_t floats = scratch_.size() + convolved_.size() + scale_.size() + shift_.size();
  return sizeof *this + floats * sizeof(float) + rounded_.size() * sizeof(Bf16) + convolved_rows_.size() * sizeof(float*) +
         moments_.size() * sizeof(Moments);
}

void TileNetwork::share(int threads) {
  threads_ = threads;
  scratch_.resize(threads * shape_.scratch_size());
}

void TileNetwork::project_mel(int tap, const float* const* inputs, int rows, float* out) {
  project(layers_.cond_proj[tap], tap == 0, inputs, rows, out);
}

void TileNetwork::project_prior(int tap, const float* const* inputs, int rows, float* out) {
  project(layers_.prior_proj[tap], tap == 0, inputs, 2 * rows, out);
}

void TileNetwork::project(const TileProjection& projection, bool begins, const float* const* inputs, int rows, float* out) {
  if (begins)
    projection.run(kernels_, inputs, rows, rounded_.data(), out);
  else
    projection.add(kernels_, inputs, rows, rounded_.data(), out);
}

void TileNetwork::mix(const float* const* planes, int count, float* row) {
  kernels_.mix(planes, count, engine_.input->weight.data(), engine_.input->bias.data(), shape_, row);
}

void TileNetwork::finish_input(float* const* rows, std::int64_t count) {
  normalise(engine_.input->norm, rows, count);
  for (std::int64_t i = 0; i < count; ++i) kernels_.mirror(rows[i], shape_);
}

// All frames convolved before the first is overwritten.
void TileNetwork::block(std::size_t index, const float* const* rows, const float* const* residuals, std::int64_t count,
                        float* const* outs) {
  const TileBlock& block = layers_.blocks[index];
  const Norm& norm = engine_.blocks[index].norm;
  const bool whole = norm.kind == NormKind::kUtterance;
  const auto convolve_group = [&](long group) {
    const std::int64_t first = group * kTileFrames, until = std::min<std::int64_t>(first + kTileFrames, count);
    kernels_.depthwise(rows + first, static_cast<int>(until - first), shape_, block.weights(), &convolved_rows_[first]);
    for (std::int64_t i = first; i < until && whole; ++i) moments_[i] = measure(convolved_rows_[i]);
  };
  parallel((count + kTileFrames - 1) / kTileFrames, threads_, [&] { return convolve_group; });
  if (whole) {
    Moments total;
    for (std::int64_t i = 0; i < count; ++i) total.add(moments_[i]);
    norm.apply_moments(total, scale_.data(), shift_.data());
  }
  const bool each = norm.kind == NormKind::kFrame;
  const float* scale = norm.kind == NormKind::kBatch ? nullptr : scale_.data();
  std::atomic<int> workers{0};
  parallel(count, each ? 1 : threads_, [&] {
    float* scratch = scratch_.data() + workers++ * shape_.scratch_size();
    return [&, scratch](long i) {
      if (each) norm.apply_moments(measure(convolved_rows_[i]), scale_.data(), shift_.data());
      kernels_.mlp(convolved_rows_[i], shape_, block.weights(), scale, shift_.data(), residuals[i], outs[i], scratch);
    };
  });
}

void TileNetwork::finish_output(float* const* rows, std::int64_t count) { normalise(engine_.output->norm, rows, count); }

void TileNetwork::unmix(const float* row, int count, float* const* planes) {
  kernels_.unmix(row, engine_.output->weight.data(), engine_.output->bias.data(), count, shape_, planes);
}

// Of all channels and bins of a frame.
Moments TileNetwork::measure(const float* planes) const {
  const double count = static_cast<double>(shape_.bins) * shape_.depth, mean = kernels_.sum(planes, shape_) / count;
  return {count, mean, kernels_.sum_squares(planes, static_cast<float>(mean), shape_)};
}

// In place, unless the norm is folded into weights. Over the utterance, the frames are all of it.
void TileNetwork::normalise(const Norm& norm, float* const* rows, std::int64_t count) {
  if (norm.kind == NormKind::kBatch || count == 0) return;
  const bool whole = norm.kind == NormKind::kUtterance;
  Moments total;
  for (std::int64_t i = 0; i < count && whole; ++i) total.add(measure(rows[i]));
  for (std::int64_t i = 0; i < count; ++i) {
    if (!whole || i == 0) norm.apply_moments(whole ? total : measure(rows[i]), scale_.data(), shift_.data());
    kernels_.affine(rows[i], scale_.data(), shift_.data(), shape_);
  }
}

}  // namespace wavehax
