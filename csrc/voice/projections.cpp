// The stages of a stream between the spectrum of the prior and that of the wave: projections and blocks.
#include <algorithm>
#include <cmath>
#include <functional>

#include "stream.h"

namespace wavehax {
namespace {

constexpr std::int64_t kAhead = 4;  // of 2 to 7 the fewest taps read per frame by a stream of single frames: 13 / 4

}  // namespace

void Stream::project() {
  const Engine& e = *engine_;
  const std::int64_t first = frames_[0].count();
  const std::int64_t ready = e.filter_bank ? std::min(spectra_[0].count(), mel_.ready(e.look_right))
                                           : spectra_[0].ready(e.look_right);
  const std::int64_t count = std::min(ready - first, tile_);
  if (count > 0) project_tile(first, count);
  if (spectra_[0].ended() && first + count == received_) frames_[0].end();
}

// Projections of `count` frames, then the 1x1 convolution and the norm.
void Stream::project_tile(std::int64_t first, std::int64_t count) {
  const Engine& e = *engine_;
  const int bin_row = padded(e.bins);
  for (std::int64_t done = 0; done < count; done += kProjectedFrames) {
    const std::int64_t from = first + done, frames = std::min<std::int64_t>(kProjectedFrames, count - done);
    sum_taps(from, frames);
    for (std::int64_t i = 0; i < frames; ++i) {
      const float* cond = projected_cond_.data() + i * e.cond_columns();
      const float* prior = projected_prior_.data() + 2 * i * bin_row;
      results_[done + i] = frames_[0].push();
      assemble(from + i, cond, prior, prior + bin_row, results_[done + i]);
    }
    if (e.excitation) add_envelopes(from, static_cast<int>(frames));
    keep_begun(from, frames);
  }
  network_->finish_input(results_.data(), count);
}

// The taps that `count` frames still lack. Of few frames a product costs the reading of its weights: so it takes the frames
// after them too, up to kAhead, as far as they have come.
void Stream::sum_taps(std::int64_t first, std::int64_t count) {
  const FrameRing& input = engine_->filter_bank ? mel_ : spectra_[0];
  std::int64_t until = first + std::max(count, kAhead);
  for (int j = 0; j < kProjectionTaps; ++j) {
    const std::int64_t from = std::max(first, summed_[j]);
    until = std::min(until, input.ended() ? received_ : input.count() - seen(j));
    if (from < first + count) add_tap(j, first, from, until);
    until = std::min(until, summed_[j]);  // in the order of taps
  }
}

// Tap j of the frames from `from` until `until`; the sums are those from `first` on.
void Stream::add_tap(int j, std::int64_t first, std::int64_t from, std::int64_t until) {
  const Engine& e = *engine_;
  const int rows = static_cast<int>(until - from), at = static_cast<int>(from - first);
  for (int i = 0; i < rows; ++i) inputs_[i] = mel_.at(from + i + seen(j));
  network_->project_mel(j, inputs_.data(), rows, projected_cond_.data() + at * e.cond_columns());
  summed_[j] = until;
  if (e.filter_bank) return;
  for (int i = 0; i < rows; ++i)
    for (int part = 0; part < 2; ++part) inputs_[2 * i + part] = spectra_[part].at(from + i + seen(j));
  network_->project_prior(j, inputs_.data(), rows, projected_prior_.data() + 2 * at * padded(e.bins));
}

// Sums of the frames after the next `count` to the front.
void Stream::keep_begun(std::int64_t first, std::int64_t count) {
  const std::int64_t begun = summed_[0] - first - count;
  const auto keep = [&](Floats& sums, int row) { std::copy_n(sums.data() + count * row, begun * row, sums.data()); };
  keep(projected_cond_, engine_->cond_columns());
  if (!engine_->filter_bank) keep(projected_prior_, 2 * padded(engine_->bins));
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

// exp(env_proj(mel)); zeros for a silent frame, so that silence stays silence.
void Stream::add_envelopes(std::int64_t first, int rows) {
  const Engine& e = *engine_;
  for (int i = 0; i < rows; ++i) {
    inputs_[i] = mel_.at(first + i);
    outputs_[i] = envelope_.push();
  }
  e.env_proj->run(e.kernels, inputs_.data(), rows, outputs_.data());
  for (int i = 0; i < rows; ++i) {
    const bool silent = std::equal(e.silence.begin(), e.silence.end(), inputs_[i], std::greater_equal<float>());
    for (int f = 0; f < e.bins; ++f) outputs_[i][f] = silent ? 0.0f : std::exp(outputs_[i][f]);
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
