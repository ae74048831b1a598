// The memory of a stream: how much each buffer holds, and how much that is together.
#include <algorithm>
#include <utility>

#include "stream.h"

namespace wavehax {

// A stage emits at most a tile in one `advance` (a block its own, smaller tile in one pass), and
// the next stage takes all it can before more comes. So a ring holds a tile and the window that
// reads it, less the one frame that both share. If two stages read it at different times, it also
// holds the frames between them. No convolution reads the output of the last block.
void Stream::make_rings() {
  const Engine& e = *engine_;
  const int bin_row = padded(e.bins), mel_row = padded(e.config.n_mels),
            frame_row = network_->row_size();
  const int planes = 2 * e.config.num_streams;
  const auto frame_rows = [&](int i) {
    return (i == 0 ? tile_ : block_tile_) +
           (i == e.config.num_blocks ? 0 : e.config.kernel_frames - 1);
  };
  // Spectra and envelope are read twice: by the projections, and by the last stage once the blocks
  // are through.
  const std::int64_t bin_rows = e.config.projection_taps + e.latency() + 2 * tile_,
                     mel_rows = bin_rows + e.spectrum_lag();
  // With a norm over the utterance each block finishes before the next begins, and works in place:
  // one ring serves them all.
  const int rings = e.streamable ? e.config.num_blocks + 1 : 1;
  std::int64_t floats = mel_rows * mel_row + (planes + 1) * bin_rows * bin_row;
  for (int i = 0; i < rings; ++i) floats += frame_rows(i) * frame_row;
  ring_storage_.resize(floats);
  zeros_.resize(std::max({frame_row, mel_row, bin_row}));
  float* storage = ring_storage_.data();
  const auto ring = [&](int width, std::int64_t rows) {
    return FrameRing(std::exchange(storage, storage + rows * width), zeros_.data(), width, rows,
                     e.border());
  };
  for (int i = 0; i < rings; ++i) frames_.push_back(ring(frame_row, frame_rows(i)));
  while (static_cast<int>(frames_.size()) <= e.config.num_blocks)
    frames_.push_back(frames_.front());
  mel_ = ring(mel_row, mel_rows);
  for (int i = 0; i < planes; ++i) spectra_.push_back(ring(bin_row, bin_rows));
  envelope_ = ring(bin_row, bin_rows);
}

// Between two drops a buffer holds a window, or the reach of a filter to both sides and the samples
// kept for its mirror image (4 * taps). It also holds the samples that one `advance` adds: those of
// a tile, the lag of the prior, and the hops that a window leaves unfinished, together at most tile
// + 3 hops.
void Stream::make_sample_buffers() {
  const Engine& e = *engine_;
  const std::int64_t filter = e.filter_bank ? 4 * e.filter_bank->taps() : 0;
  const auto buffer = [&](int window, int hop) {
    return SampleBuffer(window + (tile_ + 3) * hop + filter);
  };
  prior_samples_ = buffer(e.config.n_fft * e.config.num_streams, e.config.hop_length);
  wave_ = buffer(e.config.n_fft * e.config.num_streams, e.config.hop_length);
  for (int s = 0; s < e.config.num_streams; ++s) {
    overlap_.emplace_back(e.stft);
    if (!e.filter_bank) continue;
    streams_.push_back(buffer(e.config.n_fft, e.stft.hop_length()));
    predicted_streams_.push_back(buffer(e.config.n_fft, e.stft.hop_length()));
  }
}

void Stream::make_scratch() {
  const Engine& e = *engine_;
  const int planes = 2 * e.config.num_streams, bin_row = padded(e.bins);
  const std::size_t fourier = e.stft.n_fft() + e.stft.scratch_size(),
                    filters = e.filter_bank ? e.filter_bank->scratch_size() : 0;
  scratch_.resize(std::max(fourier, filters));
  planes_.resize(planes * bin_row);
  for (int i = 0; i < planes; ++i) plane_rows_.push_back(planes_.data() + i * bin_row);
  begun_rows_.resize(tile_);
  input_planes_.resize(e.config.planes());
  window_rows_.resize(e.config.kernel_frames - 1 + block_tile_);
  for (auto* rows : {&block_rows_, &output_rows_}) rows->resize(block_tile_);
  residual_rows_.resize(block_tile_);
  if (e.filter_bank) filter_rows_.resize(FilterBank::kRows * e.config.num_streams);
}

std::size_t Stream::memory() const {
  std::size_t bytes = sizeof *this + network_->memory() + projections_.memory() + prior_.memory() +
                      prior_samples_.memory() + wave_.memory();
  for (const Floats* floats : {&ring_storage_, &zeros_, &scratch_, &planes_})
    bytes += floats->size() * sizeof(float);
  for (const SampleBuffer& samples : streams_) bytes += samples.memory();
  for (const SampleBuffer& samples : predicted_streams_) bytes += samples.memory();
  for (const OverlapAdd& overlap : overlap_) bytes += overlap.memory();
  const std::size_t pointers = begun_rows_.size() + input_planes_.size() + window_rows_.size() +
                               residual_rows_.size() + block_rows_.size() + output_rows_.size() +
                               filter_rows_.size() + plane_rows_.size();
  return bytes + (frames_.size() + spectra_.size()) * sizeof(FrameRing) + pointers * sizeof(float*);
}

}  // namespace wavehax
