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
  const int rows = static_cast<int>(count);
  const std::int64_t columns = e.cond_columns(), bin_row = padded(e.bins);  // times the rows of a long utterance: beyond 31 bits
  float *cond = projected_.data(), *prior = cond + rows * columns;
  gather({&mel_}, first, rows);
  network_->project_mel(inputs_.data(), rows, cond);
  if (!e.filter_bank) {
    gather({&spectra_[0], &spectra_[1]}, first, rows);
    network_->project_prior(inputs_.data(), rows, prior);
  }
  for (int i = 0; i < rows; ++i) {
    results_[i] = frames_[0].push();
    assemble(first + i, cond + i * columns, prior + 2 * i * bin_row, prior + (2 * i + 1) * bin_row, results_[i]);
  }
  if (e.excitation) add_envelopes(first, rows);
  network_->finish_input(results_.data(), count);
}

// What the taps of `rows` rows see of every ring, beginning with that of frame `first`.
void Stream::gather(std::initializer_list<const FrameRing*> rings, std::int64_t first, int rows) {
  const int taps = kProjectionTaps, left = taps - 1 - engine_->look_right;
  auto input = inputs_.begin();
  for (int i = 0; i < rows; ++i)
    for (const FrameRing* ring : rings)
      for (int j = 0; j < taps; ++j) *input++ = ring->at(first + i + j - left);
}

// The planes of frame t, of which row i of the projections belongs to it, mixed into channels.
void Stream::assemble(std::int64_t t, const float* cond, const float* prior_re, const float* prior_im, float* row) {
  const Engine& e = *engine_;
  int planes = 0;
  const auto add = [&](const float* plane) { rows_[planes++] = plane; };
  if (!e.filter_bank) {
    for (const float* plane : {spectra_[0].at(t), spectra_[1].at(t), prior_re, prior_im, cond}) add(plane);
  } else {
    for (int s = 0; s < e.config.num_streams; ++s) add(cond + s * e.bins);
    for (const FrameRing& ring : spectra_) add(ring.at(t));
  }
  network_->mix(rows_.data(), planes, row);
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

// Whether there was something to do. Frames that no wanted sample depends on are left as they are.
bool Stream::run_block(std::size_t index) {
  const Engine& e = *engine_;
  FrameRing &in = frames_[index], &out = frames_[index + 1];
  const std::int64_t before = out.count(), until = std::min(in.ready(e.block_right), before + block_tile_);
  const std::int64_t blocks_after = static_cast<std::int64_t>(e.blocks.size() - 1 - index);
  const std::int64_t wanted = from_ - e.spectrum_lag() - blocks_after * e.block_left();
  while (out.count() < std::min(until, wanted)) out.push();
  if (out.count() < until) run_frames(index, until - out.count());
  if (in.ended() && out.count() == in.count()) out.end();
  return out.count() > before;
}

// The next `count` frames of a block.
void Stream::run_frames(std::size_t index, std::int64_t count) {
  const Engine& e = *engine_;
  FrameRing &in = frames_[index], &out = frames_[index + 1];
  const std::int64_t first = out.count();
  for (std::int64_t j = 0; j < e.config.kernel_frames - 1 + count; ++j) rows_[j] = in.at(first + j - e.block_left());
  for (std::int64_t i = 0; i < count; ++i) {
    residuals_[i] = in.row(first + i);
    results_[i] = out.push();
  }
  network_->block(index, rows_.data(), residuals_.data(), count, results_.data());
}

}  // namespace wavehax
