// The stages of a stream between the spectrum of the prior and the spectrum of the wave:
// projections and blocks.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "stream.h"

namespace wavehax {

void Stream::project() {
  const Engine& e = *engine_;
  const std::int64_t first = frames_[0].count();
  const std::int64_t ready = std::min(mel_.ready(e.look_right), spectra_[0].ready(e.prior_right));
  const std::int64_t count = std::min(ready - first, tile_);
  if (count > 0) project_tile(first, count);
  if (spectra_[0].ended() && first + count == received_) frames_[0].end();
}

// Computes the projections of `count` frames, then the 1x1 convolution and the norm.
void Stream::project_tile(std::int64_t first, std::int64_t count) {
  const Engine& e = *engine_;
  for (std::int64_t done = 0; done < count; done += kProjectedFrames) {
    const std::int64_t from = first + done,
                       frames = std::min<std::int64_t>(kProjectedFrames, count - done);
    projections_.complete(from, frames, mel_, spectra_);
    for (std::int64_t i = 0; i < frames; ++i)
      assemble(from + i, i, begun_rows_[done + i] = frames_[0].push());
    if (e.excitation) add_envelopes(from, static_cast<int>(frames));
    projections_.drop(from, frames);
  }
  network_->finish_input(begun_rows_.data(), count);
}

// Mixes the input planes of frame t (spectrum, its projections, projected mel) into `row`; `i`
// counts the frames of the projections from the first complete one.
void Stream::assemble(std::int64_t t, std::int64_t i, float* row) {
  const Engine& e = *engine_;
  const float* cond = projections_.cond(i);
  int planes = 0;
  const auto add = [&](const float* plane) { input_planes_[planes++] = plane; };
  if (!e.filter_bank) {
    for (const FrameRing& ring : spectra_) add(ring.at(t));
    for (int part = 0; part < 2 && e.config.has_prior_proj(); ++part)
      add(projections_.prior(i, part));
    add(cond);
  } else {
    for (int s = 0; s < e.config.num_streams; ++s) add(cond + s * e.bins);
    for (const FrameRing& ring : spectra_) add(ring.at(t));
  }
  network_->mix(input_planes_.data(), planes, row);
}

// Appends exp(env_proj(mel)) for `rows` frames; zeros for a silent frame, so that silence stays
// silence.
void Stream::add_envelopes(std::int64_t first, int rows) {
  const Engine& e = *engine_;
  std::array<const float*, kProjectedFrames> mels{};
  std::array<float*, kProjectedFrames> envelopes{};
  for (int i = 0; i < rows; ++i) {
    mels[i] = mel_.at(first + i);
    envelopes[i] = envelope_.push();
  }
  e.env_proj->run(e.kernels, mels.data(), rows, envelopes.data());
  for (int i = 0; i < rows; ++i) {
    const bool silent =
        std::equal(e.silence.begin(), e.silence.end(), mels[i], std::greater_equal<float>());
    for (int f = 0; f < e.bins; ++f) envelopes[i][f] = silent ? 0.0f : std::exp(envelopes[i][f]);
  }
}

// Returns whether there was something to do. Frames that no wanted sample depends on are passed
// over without being computed.
bool Stream::run_block(std::size_t index) {
  const Engine& e = *engine_;
  FrameRing &in = frames_[index], &out = frames_[index + 1];
  const std::int64_t before = out.count(),
                     until = std::min(in.ready(e.block_right), before + block_tile_);
  const std::int64_t blocks_after = static_cast<std::int64_t>(e.blocks.size() - 1 - index);
  const std::int64_t wanted = first_hop_ - e.spectrum_lag() - blocks_after * e.block_left();
  while (out.count() < std::min(until, wanted)) out.push();
  if (out.count() < until) run_frames(index, until - out.count());
  if (in.ended() && out.count() == in.count()) out.end();
  return out.count() > before;
}

// Computes the next `count` frames of a block.
void Stream::run_frames(std::size_t index, std::int64_t count) {
  const Engine& e = *engine_;
  FrameRing &in = frames_[index], &out = frames_[index + 1];
  const std::int64_t first = out.count();
  for (std::int64_t j = 0; j < e.config.kernel_frames - 1 + count; ++j)
    window_rows_[j] = in.at(first + j - e.block_left());
  for (std::int64_t i = 0; i < count; ++i) {
    residual_rows_[i] = in.row(first + i);
    block_rows_[i] = out.push();
  }
  network_->block(index, window_rows_.data(), residual_rows_.data(), count, block_rows_.data());
}

}  // namespace wavehax
