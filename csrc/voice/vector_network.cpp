#include "vector_network.h"

#include <algorithm>
#include <atomic>

#include "../kernels/parallel.h"

namespace wavehax {
namespace {

constexpr std::int64_t kConvolved = 8;  // frames convolved together: what they share of their rows is read once

}  // namespace

VectorNetwork::VectorNetwork(const Engine& e, std::int64_t tile)
    : engine_(e),
      tile_(tile),
      scratch_(scratch_size(e.blocks.front().shape())),
      convolved_(fused(e.blocks.front().norm) ? 0 : block_tile() * frame_size()),
      scale_(e.width),
      shift_(e.width),
      convolved_rows_(block_tile()),
      outputs_(2 * kProjectedFrames),
      interiors_(tile),
      residuals_(tile),
      moments_(e.streamable ? 0 : block_tile()) {
  for (std::int64_t i = 0; i < block_tile() && !convolved_.empty(); ++i) convolved_rows_[i] = convolved_.data() + i * frame_size();
}

std::size_t VectorNetwork::memory() const {
  const std::size_t floats = scratch_.size() + convolved_.size() + scale_.size() + shift_.size();
  const std::size_t pointers = convolved_rows_.size() + outputs_.size() + interiors_.size() + residuals_.size();
  return sizeof *this + floats * sizeof(float) + pointers * sizeof(float*) + moments_.size() * sizeof(Moments);
}

void VectorNetwork::share(int threads) {
  threads_ = threads;
  scratch_.resize(threads * scratch_size(engine_.blocks.front().shape()));
}

void VectorNetwork::project_mel(int tap, const float* const* inputs, int rows, float* out) {
  project(engine_.cond_proj[tap], tap == 0, inputs, rows, out);
}

void VectorNetwork::project_prior(int tap, const float* const* inputs, int rows, float* out) {
  project(engine_.prior_proj[tap], tap == 0, inputs, 2 * rows, out);
}

void VectorNetwork::project(const Projection& projection, bool begins, const float* const* inputs, int rows, float* out) {
  for (int i = 0; i < rows; ++i) outputs_[i] = out + static_cast<std::ptrdiff_t>(i) * projection.columns;
  if (begins)
    projection.run(engine_.kernels, inputs, rows, outputs_.data());
  else
    projection.add(engine_.kernels, inputs, rows, outputs_.data());
}

void VectorNetwork::mix(const float* const* planes, int count, float* row) {
  const InputLayer& input = *engine_.input;
  engine_.kernels.mix(planes, count, input.weight.data(), input.bias.data(), engine_.bins, engine_.width, interior(row));
}

void VectorNetwork::finish_input(float* const* rows, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) interiors_[i] = interior(rows[i]);
  normalise(engine_.input->norm, interiors_.data(), count);
  for (std::int64_t i = 0; i < count; ++i) mirror(rows[i]);
}

void VectorNetwork::block(std::size_t index, const float* const* rows, const float* const* residuals, std::int64_t count,
                          float* const* outs) {
  const Block& block = engine_.blocks[index];
  const Kernels& kernels = engine_.kernels;
  for (std::int64_t i = 0; i < count; ++i) {
    residuals_[i] = interior(residuals[i]);
    interiors_[i] = interior(outs[i]);
  }
  if (fused(block.norm)) {
    kernels.block(rows, static_cast<int>(count), block.shape(), block.weights(), residuals_.data(), interiors_.data(),
                  scratch_.data());
  } else {
    convolve(block, rows, count);
    std::atomic<int> workers{0};
    parallel(count, threads_, [&] {
      float* scratch = scratch_.data() + workers++ * scratch_size(block.shape());
      return [&, scratch](long i) {
        kernels.mlp(convolved_rows_[i], block.shape(), block.weights(), residuals_[i], interiors_[i], scratch);
      };
    });
  }
  for (std::int64_t i = 0; i < count; ++i) mirror(outs[i]);
}

// All frames convolved before the first is overwritten; what a norm needs of them is taken while they are in the cache.
void VectorNetwork::convolve(const Block& block, const float* const* rows, std::int64_t count) {
  const Engine& e = engine_;
  const bool whole = block.norm.kind == NormKind::kUtterance;
  const auto convolve_group = [&](long group) {
    const std::int64_t first = group * kConvolved, until = std::min(first + kConvolved, count);
    e.kernels.depthwise(rows + first, static_cast<int>(until - first), block.shape(), block.dwconv.data(), &convolved_rows_[first]);
    for (std::int64_t i = first; i < until; ++i) {
      if (whole)
        moments_[i] = block.norm.measure(e.kernels, convolved_rows_[i], e.bins);
      else
        normalise(block.norm, &convolved_rows_[i], 1);
    }
  };
  parallel((count + kConvolved - 1) / kConvolved, whole ? threads_ : 1, [&] { return convolve_group; });
  if (!whole) return;
  Moments total;
  for (std::int64_t i = 0; i < count; ++i) total.add(moments_[i]);
  block.norm.apply_moments(total, scale_.data(), shift_.data());
  parallel(count, threads_, [&] {
    return [&](long i) { e.kernels.affine(convolved_rows_[i], scale_.data(), shift_.data(), e.bins, e.width); };
  });
}

void VectorNetwork::finish_output(float* const* rows, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) interiors_[i] = interior(rows[i]);
  normalise(engine_.output->norm, interiors_.data(), count);
}

void VectorNetwork::unmix(const float* row, int count, float* const* planes) {
  const OutputLayer& output = *engine_.output;
  engine_.kernels.unmix(interior(row), output.weight.data(), output.bias.data(), count, engine_.bins, engine_.width, planes);
}

// In place, unless the norm is folded into weights. Over the utterance, the frames are all of it.
void VectorNetwork::normalise(const Norm& norm, float* const* frames, std::int64_t count) {
  if (norm.kind == NormKind::kBatch || count == 0) return;
  const Engine& e = engine_;
  const bool whole = norm.kind == NormKind::kUtterance;
  Moments total;
  for (std::int64_t i = 0; i < count && whole; ++i) total.add(norm.measure(e.kernels, frames[i], e.bins));
  for (std::int64_t i = 0; i < count; ++i) {
    if (!whole || i == 0) norm.apply_moments(whole ? total : norm.measure(e.kernels, frames[i], e.bins), scale_.data(), shift_.data());
    e.kernels.affine(frames[i], scale_.data(), shift_.data(), e.bins, e.width);
  }
}

// Reflects a frame at both ends of the spectrum, so that the depthwise kernel needs no borders.
void VectorNetwork::mirror(float* row) const {
  const Engine& e = engine_;
  float *first = interior(row), *last = first + (e.bins - 1) * e.width;
  for (int i = 1; i <= e.mirrored; ++i) {
    std::copy_n(first + i * e.width, e.width, first - i * e.width);
    std::copy_n(last - i * e.width, e.width, last + i * e.width);
  }
}

}  // namespace wavehax
