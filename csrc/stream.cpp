#include "stream.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace wavehax {
namespace {

constexpr float kLogFloor = 1e-10f;      // power below which the log-magnitude is clipped
constexpr float kMagnitudeLimit = 100.0f;  // of what log-magnitude models may put out

}  // namespace

Stream::Stream(std::shared_ptr<const Engine> engine, std::int64_t tile)
    : engine_(std::move(engine)),
      tile_(tile),
      group_(engine_->streamable ? 1 : tile),
      prior_(engine_->kernels, engine_->prior, engine_->config.hop_length, engine_->config.sample_rate, engine_->excitation) {
  make_rings();
  make_sample_buffers();
  make_scratch();
  reset(0);
}

// A stage emits at most a tile in one advance, and the next takes all it can before more comes. So a ring needs the frames
// of the window that reads it and one tile; where two stages read it at different times, also the frames between them.
void Stream::make_rings() {
  const Engine& e = *engine_;
  const int bin_row = padded(e.bins), mel_row = padded(e.config.n_mels), frame_row = padded(e.row_size());
  const int planes = 2 * e.config.num_streams;
  const std::int64_t frame_rows = e.config.kernel_frames + tile_;
  // Spectra and envelope are read by the projections and, once the blocks are through, by the last stage.
  const std::int64_t bin_rows = e.cond_proj->taps + e.latency() + 2 * tile_, mel_rows = bin_rows + e.spectrum_lag();
  // A norm over the utterance lets each block finish before the next begins, in place: one ring serves them all.
  const int rings = e.streamable ? e.config.num_blocks + 1 : 1;
  ring_storage_.resize(rings * frame_rows * frame_row + mel_rows * mel_row + (planes + 1) * bin_rows * bin_row);
  zeros_.resize(std::max({frame_row, mel_row, bin_row}));
  float* storage = ring_storage_.data();
  const auto ring = [&](int width, std::int64_t rows) {
    return FrameRing(std::exchange(storage, storage + rows * width), zeros_.data(), width, rows, e.border());
  };
  for (int i = 0; i < rings; ++i) frames_.push_back(ring(frame_row, frame_rows));
  while (static_cast<int>(frames_.size()) <= e.config.num_blocks) frames_.push_back(frames_.front());
  mel_ = ring(mel_row, mel_rows);
  for (int i = 0; i < planes; ++i) spectra_.push_back(ring(bin_row, bin_rows));
  envelope_ = ring(bin_row, bin_rows);
}

// Between two drops a buffer holds a window, or the reach of a filter to both sides and the samples kept for its mirror
// image (4 x taps), and what one advance adds: a tile, the lag of the prior and the hops that a window leaves unfinished.
void Stream::make_sample_buffers() {
  const Engine& e = *engine_;
  const std::int64_t filter = e.filter_bank ? 4 * e.filter_bank->taps() : 0;
  const auto buffer = [&](int window, int hop) { return SampleBuffer(window + (tile_ + 3) * hop + filter); };
  prior_samples_ = buffer(e.config.n_fft * e.config.num_streams, e.config.hop_length);
  wave_ = buffer(e.config.n_fft * e.config.num_streams, e.config.hop_length);
  for (int s = 0; s < e.config.num_streams; ++s) {
    overlap_.emplace_back(e.stft);
    if (!e.filter_bank) continue;
    streams_.push_back(buffer(e.config.n_fft, e.stft.hop()));
    predicted_streams_.push_back(buffer(e.config.n_fft, e.stft.hop()));
  }
}

void Stream::make_scratch() {
  const Engine& e = *engine_;
  const int taps = e.cond_proj->taps, planes = 2 * e.config.num_streams, bin_row = padded(e.bins);
  const int expanded = e.blocks.front().expanded;
  scratch_.resize(e.stft.n_fft() + e.stft.scratch_size());
  projected_.resize(tile_ * (e.cond_proj->columns + 2 * bin_row));
  convolved_.resize(group_ * e.frame_size());
  planes_.resize(planes * bin_row);
  folded_weight_.resize(std::max(e.config.channels * expanded, planes * e.width));
  folded_bias_.resize(std::max(expanded, padded(planes)));
  scale_.resize(e.width);
  shift_.resize(e.width);
  inputs_.resize(3 * tile_ * taps);
  outputs_.resize(std::max<std::int64_t>(3 * tile_, planes));
  rows_.reserve(std::max(e.config.kernel_frames, 3 * e.config.num_streams + 2));
  statistics_.resize(group_);
}

void Stream::reset(std::uint64_t seed) {
  received_ = emitted_ = predicted_ = from_ = 0;
  until_ = std::numeric_limits<std::int64_t>::max() / engine_->config.hop_length;
  mel_.reset();
  envelope_.reset();
  for (FrameRing& ring : spectra_) ring.reset();
  for (FrameRing& ring : frames_) ring.reset();
  prior_.reset(seed, true);
  prior_samples_.reset();
  wave_.reset();
  for (SampleBuffer& samples : streams_) samples.reset();
  for (SampleBuffer& samples : predicted_streams_) samples.reset();
  for (OverlapAdd& overlap : overlap_) overlap.reset();
}

void Stream::enter(const float* f0, std::int64_t first, std::int64_t from, std::int64_t until) {
  for (std::int64_t t = 0; t < first; ++t) prior_.skip(f0[t]);
  from_ = from - first;
  until_ = until - first;
  emitted_ = from_ * engine_->config.hop_length;
}

std::int64_t Stream::push(MelView mel, const float* f0, std::int64_t frames, const float* prior, float* out) {
  std::int64_t written = 0;
  for (std::int64_t first = 0; first < frames; first += tile_) {
    const std::int64_t count = std::min(tile_, frames - first);
    take(mel.from(first), f0 + first, count, prior == nullptr ? nullptr : prior + first * engine_->config.hop_length);
    if (!engine_->streamable) continue;
    advance();
    written += drain(out + written, pending_flush());
  }
  return written;
}

std::int64_t Stream::flush(const float* prior, float* out) {
  const std::int64_t owed = pending_flush();
  if (engine_->centred && received_ > 0) repeat_last_frame(prior);
  mel_.end();
  if (!prior_samples_.ended()) prior_.finish(prior_samples_);
  std::int64_t written = 0;
  while (written < owed) {
    advance();
    written += drain(out + written, owed - written);
  }
  return written;
}

void Stream::take(MelView mel, const float* f0, std::int64_t frames, const float* prior) {
  const Engine& e = *engine_;
  for (std::int64_t t = 0; t < frames; ++t) {
    float* row = mel_.push();
    const float* from = mel.data + t * mel.frame_stride;
    for (int k = 0; k < e.config.n_mels; ++k) row[k] = (from[k * mel.band_stride] - e.mel_mean[k]) / e.mel_scale[k];
    if (prior == nullptr)
      prior_.push(f0[t], prior_samples_);
    else
      std::copy_n(prior + t * e.config.hop_length, e.config.hop_length, prior_samples_.extend(e.config.hop_length));
  }
  received_ += frames;
  last_f0_ = f0[frames - 1];
}

// Centred hops begin half a hop early, so that the last samples lie in a hop of which no frame came.
void Stream::repeat_last_frame(const float* prior) {
  const int n_mels = engine_->config.n_mels, hop = engine_->config.hop_length;
  const float* last = mel_.at(received_ - 1);
  std::copy_n(last, n_mels, mel_.push());
  if (prior == nullptr)
    prior_.push(last_f0_, prior_samples_);
  else
    std::copy_n(prior, hop, prior_samples_.extend(hop));
  ++received_;
}

void Stream::advance() {
  analyse();
  project();
  for (std::size_t i = 0; i < engine_->blocks.size(); ++i) run_block(i);
  synthesise();
}

// The spectra of the prior, or of its streams.
void Stream::analyse() {
  const Engine& e = *engine_;
  if (e.filter_bank) e.filter_bank->analyse(prior_samples_, streams_);
  const SampleBuffer& first = source(0);
  const std::int64_t total = first.ended() ? received_ : e.stft.complete(first.end());
  const std::int64_t until = std::min(total, spectra_[0].count() + tile_);
  for (std::int64_t t = spectra_[0].count(); t < until; ++t)
    for (int s = 0; s < e.config.num_streams; ++s) {
      float *re = spectra_[2 * s].push(), *im = spectra_[2 * s + 1].push();
      e.stft.forward(source(s), t, re, im, scratch_.data());
      const auto gain = static_cast<float>(1.0 / e.excitation_gain);
      for (int f = 0; f < e.bins; ++f) {
        if (e.excitation) {
          re[f] *= gain;
          im[f] *= gain;
        } else if (e.config.use_logmag_phase) {
          const float power = re[f] * re[f] + im[f] * im[f], phase = std::atan2(im[f], re[f] + 0.0f);  // -0 is silence too
          re[f] = std::log(std::sqrt(std::max(power, kLogFloor)));
          im[f] = phase;
        }
      }
    }
  for (int s = 0; s < e.config.num_streams; ++s) source(s).drop(until * e.stft.hop() - e.stft.pad());
  if (!first.ended() || until < received_) return;
  for (FrameRing& ring : spectra_) ring.end();
}

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
  const Projection& cond = *e.cond_proj;
  const int taps = cond.taps, left = taps - 1 - e.look_right, bin_row = padded(e.bins), rows = static_cast<int>(count);
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < taps; ++j) {
      const std::int64_t t = first + i + j - left;
      inputs_[i * taps + j] = mel_.at(t);
      if (!e.prior_proj) continue;
      inputs_[(rows + i) * taps + j] = spectra_[0].at(t);
      inputs_[(2 * rows + i) * taps + j] = spectra_[1].at(t);
    }
  for (int i = 0; i < rows; ++i) {
    outputs_[i] = projected_.data() + i * cond.columns;
    outputs_[rows + i] = projected_.data() + rows * cond.columns + i * bin_row;
    outputs_[2 * rows + i] = outputs_[rows + i] + rows * bin_row;
  }
  e.kernels.project(inputs_.data(), rows, taps, cond.depth, cond.weight.data(), cond.bias.data(), cond.columns,
                    outputs_.data());
  if (e.prior_proj)
    e.kernels.project(inputs_.data() + rows * taps, 2 * rows, taps, e.prior_proj->depth, e.prior_proj->weight.data(),
                      e.prior_proj->bias.data(), e.prior_proj->columns, outputs_.data() + rows);
  for (int i = 0; i < rows; ++i) assemble(first + i, outputs_[i], outputs_[rows + i], outputs_[2 * rows + i]);
  for (std::int64_t at = first; at < first + count; at += group_) normalise_input(at, std::min(group_, first + count - at));
  for (std::int64_t t = first; t < first + count; ++t) mirror(frames_[0].row(t));
}

// The planes of frame t, of which row i of the projections belongs to it, mixed into channels.
void Stream::assemble(std::int64_t t, const float* cond, const float* prior_re, const float* prior_im) {
  const Engine& e = *engine_;
  rows_.clear();
  if (e.prior_proj) {
    rows_.insert(rows_.end(), {spectra_[0].at(t), spectra_[1].at(t), prior_re, prior_im, cond});
  } else {
    for (int s = 0; s < e.config.num_streams; ++s) rows_.push_back(cond + s * e.bins);
    for (const FrameRing& ring : spectra_) rows_.push_back(ring.at(t));
  }
  e.kernels.mix(rows_.data(), static_cast<int>(rows_.size()), e.input->weight.data(), e.input->bias.data(), e.bins, e.width,
                interior(frames_[0].push()));
  if (!e.excitation) return;
  const float* mel = mel_.at(t);
  float* envelope = envelope_.push();
  e.kernels.project(&mel, 1, 1, e.env_proj->depth, e.env_proj->weight.data(), e.env_proj->bias.data(), e.env_proj->columns,
                    &envelope);
  for (int f = 0; f < e.bins; ++f) envelope[f] = std::exp(envelope[f]);
}

void Stream::normalise_input(std::int64_t first, std::int64_t count) {
  const Engine& e = *engine_;
  if (e.input->norm.kind == NormKind::kBatch) return;
  const bool whole = e.input->norm.kind == NormKind::kUtterance;
  for (std::int64_t i = 0; i < count; ++i) statistics_[i] = interior(frames_[0].row(first + i));
  for (std::int64_t i = 0; i < count; ++i) {
    if (i == 0 || !whole)
      e.input->norm.measure(e.kernels, &statistics_[i], whole ? static_cast<int>(count) : 1, e.bins, scale_.data(),
                            shift_.data());
    e.kernels.affine(interior(frames_[0].row(first + i)), scale_.data(), shift_.data(), e.bins, e.width);
  }
}

// Frames that no wanted sample depends on are left as they are.
void Stream::run_block(std::size_t index) {
  const Block& block = engine_->blocks[index];
  FrameRing &in = frames_[index], &out = frames_[index + 1];
  const std::int64_t until = std::min(in.ready(engine_->block_right), out.count() + tile_);
  const std::int64_t blocks_after = static_cast<std::int64_t>(engine_->blocks.size() - 1 - index);
  const std::int64_t wanted = from_ - engine_->spectrum_lag() - blocks_after * engine_->block_left();
  while (out.count() < std::min(until, wanted)) out.push();
  while (out.count() < until) run_block_group(block, in, out, std::min(group_, until - out.count()));
  if (in.ended() && out.count() == in.count()) out.end();
}

void Stream::run_block_group(const Block& block, FrameRing& in, FrameRing& out, std::int64_t count) {
  const Engine& e = *engine_;
  const int kernel_frames = e.config.kernel_frames, left = e.block_left();
  const std::int64_t first = out.count();
  for (std::int64_t i = 0; i < count; ++i) {
    rows_.clear();
    for (int j = 0; j < kernel_frames; ++j) rows_.push_back(in.at(first + i + j - left));
    float* convolved = convolved_.data() + i * e.frame_size();
    e.kernels.depthwise(rows_.data(), kernel_frames, e.config.kernel_bins, block.dwconv.data(), e.bins, e.width, convolved);
    statistics_[i] = convolved;
  }
  const bool folded = block.norm.kind == NormKind::kBatch, whole = block.norm.kind == NormKind::kUtterance;
  const float* weight1 = folded ? block.weight1.data() : folded_weight_.data();
  const float* bias1 = folded ? block.bias1.data() : folded_bias_.data();
  for (std::int64_t i = 0; i < count; ++i) {
    if (!folded && (i == 0 || !whole)) {
      block.norm.measure(e.kernels, &statistics_[i], whole ? static_cast<int>(count) : 1, e.bins, scale_.data(), shift_.data());
      fold(scale_.data(), shift_.data(), e.config.channels, block.expanded, block.expanded, 1, block.weight1.data(),
           block.bias1.data(), folded_weight_.data(), folded_bias_.data());
    }
    const float* residual = interior(in.row(first + i));
    float* row = out.push();
    e.kernels.mlp(statistics_[i], weight1, bias1, block.weight2.data(), block.bias2.data(), e.bins, e.width,
                  e.config.channels, block.expanded, e.config.channels * e.config.mult_channels, residual, interior(row));
    mirror(row);
  }
}

// Frames of the last block to samples.
void Stream::synthesise() {
  const Engine& e = *engine_;
  FrameRing& last = frames_.back();
  const Norm& norm = e.output->norm;
  const bool folded = norm.kind == NormKind::kBatch, whole = norm.kind == NormKind::kUtterance;
  const std::int64_t first = predicted_;
  for (std::int64_t i = 0; whole && first + i < last.count(); ++i) statistics_[i] = interior(last.row(first + i));
  for (; predicted_ < last.count(); ++predicted_) {
    if (!folded && (predicted_ == first || !whole)) {
      if (!whole) statistics_[0] = interior(last.row(predicted_));
      norm.measure(e.kernels, statistics_.data(), whole ? static_cast<int>(last.count() - first) : 1, e.bins, scale_.data(),
                   shift_.data());
      fold(scale_.data(), shift_.data(), e.config.channels, 2 * e.config.num_streams, 1, e.width, e.output->weight.data(),
           e.output->bias.data(), folded_weight_.data(), folded_bias_.data());
    }
    synthesise_frame(interior(last.row(predicted_)), folded ? e.output->weight.data() : folded_weight_.data(),
                     folded ? e.output->bias.data() : folded_bias_.data());
  }
  if (last.ended() && !wave_.ended() && predicted_ == last.count())
    for (int s = 0; s < e.config.num_streams; ++s) overlap_[s].finish(e.filter_bank ? predicted_streams_[s] : wave_);
  if (e.filter_bank && !wave_.ended()) e.filter_bank->synthesise(predicted_streams_, wave_);
}

void Stream::synthesise_frame(const float* frame, const float* weight, const float* bias) {
  const Engine& e = *engine_;
  const int streams = e.config.num_streams, bin_row = padded(e.bins);
  for (int i = 0; i < 2 * streams; ++i) outputs_[i] = planes_.data() + i * bin_row;
  e.kernels.unmix(frame, weight, bias, 2 * streams, e.bins, e.width, outputs_.data());
  finish_spectrum(planes_.data(), planes_.data() + bin_row);
  for (int s = 0; s < streams; ++s)
    overlap_[s].add(planes_.data() + 2 * s * bin_row, planes_.data() + (2 * s + 1) * bin_row,
                    e.filter_bank ? predicted_streams_[s] : wave_, scratch_.data());
}

// What the network's two outputs mean, as real and imaginary parts.
void Stream::finish_spectrum(float* re, float* im) const {
  const Engine& e = *engine_;
  if (e.excitation) {
    const float *envelope = envelope_.at(predicted_), *prior_re = spectra_[0].at(predicted_), *prior_im = spectra_[1].at(predicted_);
    for (int f = 0; f < e.bins; ++f) {
      re[f] = envelope[f] * (prior_re[f] + re[f]);
      im[f] = envelope[f] * (prior_im[f] + im[f]);
    }
  } else if (e.config.use_logmag_phase) {
    for (int f = 0; f < e.bins; ++f) {
      const float magnitude = std::min(std::exp(re[f]), kMagnitudeLimit), phase = im[f];
      re[f] = magnitude * std::cos(phase);
      im[f] = magnitude * std::sin(phase);
    }
  }
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

std::int64_t Stream::drain(float* out, std::int64_t limit) {
  wave_.drop(engine_->margin() + from_ * engine_->config.hop_length);
  const std::int64_t count = std::min(wave_.end() - wave_.begin(), limit);
  std::copy_n(wave_.from(wave_.begin()), count, out);
  wave_.drop(wave_.end());
  emitted_ += count;
  return count;
}

}  // namespace wavehax
