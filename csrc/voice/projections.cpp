#include "projections.h"

#include <algorithm>

namespace wavehax {
namespace {

// Frames whose sums may be begun ahead. Among 2 to 7, 4 reads the fewest weights in a stream of
// single frames: 13 / 4 taps a frame, counted.
constexpr std::int64_t kAhead = 4;

}  // namespace

// cond_ has kLane more floats, because the planes of streams are read in whole vectors.
RunningProjection::RunningProjection(const Engine& engine, Network& network)
    : engine_(engine),
      network_(network),
      cond_(kProjectedFrames * engine.cond_columns() + kLane),
      prior_(engine.config.has_prior_proj() ? kProjectedFrames * 2 * padded(engine.bins) : 0) {}

void RunningProjection::complete(std::int64_t first, std::int64_t count, const FrameRing& mel,
                                 const std::vector<FrameRing>& spectra) {
  // Frames of the mel come before those of the prior's spectrum.
  const FrameRing& input = prior_.empty() ? mel : spectra[0];
  std::int64_t until = first + std::max(count, kAhead);
  for (int tap = 0; tap < engine_.config.projection_taps; ++tap) {
    const std::int64_t from = std::max(first, summed_[tap]);
    until = std::min(until, input.ended() ? input.count() : input.count() - offset(tap));
    if (from < first + count) add_tap(tap, first, from, until, mel, spectra);
    // The order of additions is fixed: no frame gets a tap before all earlier taps.
    until = std::min(until, summed_[tap]);
  }
}

// Adds one tap to the sums of frames `from` to until - 1.
void RunningProjection::add_tap(int tap, std::int64_t first, std::int64_t from, std::int64_t until,
                                const FrameRing& mel, const std::vector<FrameRing>& spectra) {
  const int rows = static_cast<int>(until - from);
  const std::int64_t at = from - first;
  std::array<const float*, 2 * kProjectedFrames> inputs;
  for (int i = 0; i < rows; ++i) inputs[i] = mel.at(from + i + offset(tap));
  network_.project_mel(tap, inputs.data(), rows, cond_.data() + at * engine_.cond_columns());
  summed_[tap] = until;
  if (prior_.empty()) return;
  for (int i = 0; i < rows; ++i)
    for (int part = 0; part < 2; ++part)
      inputs[2 * i + part] = spectra[part].at(from + i + offset(tap));
  network_.project_prior(tap, inputs.data(), rows, prior_.data() + 2 * at * padded(engine_.bins));
}

void RunningProjection::drop(std::int64_t first, std::int64_t count) {
  const std::int64_t begun = summed_[0] - first - count;
  const auto keep = [&](Floats& sums, int row) {
    std::copy_n(sums.data() + count * row, begun * row, sums.data());
  };
  keep(cond_, engine_.cond_columns());
  if (!prior_.empty()) keep(prior_, 2 * padded(engine_.bins));
}

}  // namespace wavehax
