// The stages of a stream between the spectrum of the prior and that of the wave: projections and blocks.
#include <algorithm>
#include <cmath>

#include "stream.h"

namespace wavehax {

void Stream::project() {
  const Engine& e = *engine_;
  const std::int64_t first = frames_[0].count();
  const std::int64_t ready = e.filter_bank ? std::min(spectra_[0].count(), mel_.ready(e.look_right))
                                           : spectra_[0].ready(e.look_right);
  const std::int64_t count = std::min(ready - first, tile_);
  if (count > 0) project_tile(first, count);
  if (spectra_[0].ended() && first + count == received_) frames_[0].end();
}

// Projections of `count` frames at once, then the 1x1 convolution and the norm.
void Stream::project_tile(std::int64_t first, std::int64_t count) {
  const Engine& e = *engine_;
  const int rows = static_cast<int>(count), columns = e.cond_proj->columns, bin_row = padded(e.bins);
  for (int i = 0; i < rows; ++i) {
    outputs_[i] = projected_.data() + i * columns;
    outputs_[rows + i] = projected_.data() + rows * columns + i * bin_row;
    outputs_[2 * rows + i] = outputs_[rows + i] + rows * bin_row;
  }
  gather(mel_, first, rows, inputs_.data());
  e.cond_proj->run(e.kernels, inputs_.data(), rows, outputs_.data());
  if (e.prior_proj) {
    gather(spectra_[0], first, rows, inputs_.data());
    gather(spectra_[1], first, rows, inputs_.data() + rows * e.prior_proj->taps);
    e.prior_proj->run(e.kernels, inputs_.data(), 2 * rows, outputs_.data() + rows);
  }
  for (int i = 0; i < rows; ++i) assemble(first + i, outputs_[i], outputs_[rows + i], outputs_[2 * rows + i]);
  if (e.excitation) add_envelopes(first, rows);
  normalise(e.input->norm, frames_[0], first, count);
  for (std::int64_t t = first; t < first + count; ++t) mirror(frames_[0].row(t));
}

// What the taps of `rows` rows see, beginning with that of frame `first`.
void Stream::gather(const FrameRing& ring, std::int64_t first, int rows, const float** inputs) const {
  const int taps = engine_->cond_proj->taps, left = taps - 1 - engine_->look_right;
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < taps; ++j) inputs[i * taps + j] = ring.at(first + i + j - left);
}

// The planes of frame t, of which row i of the projections belongs to it, mixed into channels.
void Stream::assemble(std::int64_t t, const float* cond, const float* prior_re, const float* prior_im) {
  const Engine& e = *engine_;
  int planes = 0;
  const auto add = [&](const float* plane) { rows_[planes++] = plane; };
  if (e.prior_proj) {
    for (const float* plane : {spectra_[0].at(t), spectra_[1].at(t), prior_re, prior_im, cond}) add(plane);
  } else {
    for (int s = 0; s < e.config.num_streams; ++s) add(cond + s * e.bins);
    for (const FrameRing& ring : spectra_) add(ring.at(t));
  }
  e.kernels.mix(rows_.data(), planes, e.input->weight.data(), e.input->bias.data(), e.bins, e.width, interior(frames_[0].push()));
}

void Stream::add_envelopes(std::int64_t first, int rows) {
  const Engine& e = *engine_;
  for (int i = 0; i < rows; ++i) {
    inputs_[i] = mel_.at(first + i);
    outputs_[i] = envelope_.push();
  }
  e.env_proj->run(e.kernels, inputs_.data(), rows, outputs_.data());
  for (int i = 0; i < rows; ++i)
    for (int f = 0; f < e.bins; ++f) outputs_[i][f] = std::exp(outputs_[i][f]);
}

// In place, unless the norm is folded into weights. Over the utterance, the frames are all of it.
void Stream::normalise(const Norm& norm, float* const* frames, std::int64_t count) {
  if (norm.kind == NormKind::kBatch || count == 0) return;
  const Engine& e = *engine_;
  const bool whole = norm.kind == NormKind::kUtterance;
  Moments total;
  for (std::int64_t i = 0; i < count && whole; ++i) total.add(norm.measure(e.kernels, frames[i], e.bins));
  for (std::int64_t i = 0; i < count; ++i) {
    if (!whole || i == 0) norm.apply_moments(whole ? total : norm.measure(e.kernels, frames[i], e.bins), scale_.data(), shift_.data());
    e.kernels.affine(frames[i], scale_.data(), shift_.data(), e.bins, e.width);
  }
}

// The same of `count` frames of a ring.
void Stream::normalise(const Norm& norm, FrameRing& frames, std::int64_t first, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) results_[i] = interior(frames.row(first + i));
  normalise(norm, results_.data(), count);
}

// Reflects a frame at both ends of the spectrum, so that the depthwise kernel needs no borders.
void Stream::mirror(float* row) const {
  const Engine& e = *engine_;
  float *first = interior(row), *last = first + (e.bins - 1) * e.width;
  for (int i = 1; i <= e.mirrored; ++i) {
    std::copy_n(first + i * e.width, e.width, first - i * e.width);
    std::copy_n(last - i * e.width, e.width, last + i * e.width);
  }
}

// Whether there was something to do. Frames that no wanted sample depends on are left as they are.
bool Stream::run_block(std::size_t index) {
  const Engine& e = *engine_;
  FrameRing &in = frames_[index], &out = frames_[index + 1];
  const std::int64_t before = out.count(), until = std::min(in.ready(e.block_right), before + block_tile_);
  const std::int64_t blocks_after = static_cast<std::int64_t>(e.blocks.size() - 1 - index);
  const std::int64_t wanted = from_ - e.spectrum_lag() - blocks_after * e.block_left();
  while (out.count() < std::min(until, wanted)) out.push();
  const std::int64_t most = fused(e.blocks[index].norm) ? block_tile_ : group_;
  while (out.count() < until) run_frames(index, std::min(most, until - out.count()));
  if (in.ended() && out.count() == in.count()) out.end();
  return out.count() > before;
}

// The next `count` frames of a block.
void Stream::run_frames(std::size_t index, std::int64_t count) {
  const Engine& e = *engine_;
  const Block& block = e.blocks[index];
  FrameRing &in = frames_[index], &out = frames_[index + 1];
  const std::int64_t first = out.count();
  for (std::int64_t j = 0; j < e.config.kernel_frames - 1 + count; ++j) rows_[j] = in.at(first + j - e.block_left());
  for (std::int64_t i = 0; i < count; ++i) {
    residuals_[i] = interior(in.row(first + i));
    results_[i] = interior(out.push());
  }
  if (fused(block.norm))
    e.kernels.block(rows_.data(), static_cast<int>(count), block.shape(), block.weights(), residuals_.data(), results_.data(),
                    scratch_.data());
  else
    run_unfused(block, count);
  for (std::int64_t i = 0; i < count; ++i) mirror(out.row(first + i));
}

// All frames convolved before the first is overwritten; what a norm needs of them is taken while they are in the cache.
void Stream::run_unfused(const Block& block, std::int64_t count) {
  const Engine& e = *engine_;
  const bool whole = block.norm.kind == NormKind::kUtterance;
  Moments total;
  for (std::int64_t i = 0; i < count; ++i) {
    convolved_rows_[i] = convolved_.data() + i * e.frame_size();
    e.kernels.depthwise(rows_.data() + i, block.shape(), block.dwconv.data(), convolved_rows_[i]);
    if (whole)
      total.add(block.norm.measure(e.kernels, convolved_rows_[i], e.bins));
    else
      normalise(block.norm, &convolved_rows_[i], 1);
  }
  if (whole) block.norm.apply_moments(total, scale_.data(), shift_.data());
  for (std::int64_t i = 0; i < count; ++i) {
    if (whole) e.kernels.affine(convolved_rows_[i], scale_.data(), shift_.data(), e.bins, e.width);
    e.kernels.mlp(convolved_rows_[i], block.shape(), block.weights(), residuals_[i], results_[i], scratch_.data());
  }
}

}  // namespace wavehax
