#include "stream.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

namespace wavehax {
namespace {

// Adds its lifetime to a stage of a profile, if there is one.
class StageTimer {
 public:
  StageTimer(StageSeconds* profile, double StageSeconds::*stage) : total_(profile == nullptr ? nullptr : &(profile->*stage)) {
    if (total_ != nullptr) start_ = Clock::now();
  }
  ~StageTimer() {
    if (total_ != nullptr) *total_ += std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  double* total_;
  Clock::time_point start_;
};

}  // namespace

Stream::Stream(std::shared_ptr<const Engine> engine, std::int64_t tile)
    : engine_(std::move(engine)),
      tile_(tile),
      network_(make_network(*engine_, tile)),
      projections_(*engine_, *network_),
      block_tile_(network_->block_tile()),
      prior_(engine_->kernels, engine_->prior, engine_->config.hop_length, engine_->config.sample_rate, engine_->excitation) {
  assert(block_tile_ <= tile_);
  make_rings();
  make_sample_buffers();
  make_scratch();
  reset(0);
}

// A stage emits at most a tile in one advance - a block its own tile in one pass - and the next takes all it can before
// more comes. So a ring needs a tile and, but for one frame of it, the window that reads it; where two stages read it at
// different times, also the frames between them. Nothing convolves what the last block puts out.
void Stream::make_rings() {
  const Engine& e = *engine_;
  const int bin_row = padded(e.bins), mel_row = padded(e.config.n_mels), frame_row = network_->row_size();
  const int planes = 2 * e.config.num_streams;
  const auto frame_rows = [&](int i) {
    return (i == 0 ? tile_ : block_tile_) + (i == e.config.num_blocks ? 0 : e.config.kernel_frames - 1);
  };
  // Spectra and envelope are read by the projections and, once the blocks are through, by the last stage.
  const std::int64_t bin_rows = kProjectionTaps + e.latency() + 2 * tile_, mel_rows = bin_rows + e.spectrum_lag();
  // A norm over the utterance lets each block finish before the next begins, in place: one ring serves them all.
  const int rings = e.streamable ? e.config.num_blocks + 1 : 1;
  std::int64_t floats = mel_rows * mel_row + (planes + 1) * bin_rows * bin_row;
  for (int i = 0; i < rings; ++i) floats += frame_rows(i) * frame_row;
  ring_storage_.resize(floats);
  zeros_.resize(std::max({frame_row, mel_row, bin_row}));
  float* storage = ring_storage_.data();
  const auto ring = [&](int width, std::int64_t rows) {
    return FrameRing(std::exchange(storage, storage + rows * width), zeros_.data(), width, rows, e.border());
  };
  for (int i = 0; i < rings; ++i) frames_.push_back(ring(frame_row, frame_rows(i)));
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
  const int planes = 2 * e.config.num_streams, bin_row = padded(e.bins);
  const std::size_t fourier = e.stft.n_fft() + e.stft.scratch_size(), filters = e.filter_bank ? e.filter_bank->scratch_size() : 0;
  scratch_.resize(std::max(fourier, filters));
  planes_.resize(planes * bin_row);
  for (int i = 0; i < planes; ++i) plane_rows_.push_back(planes_.data() + i * bin_row);
  begun_.resize(tile_);
  mixed_.resize(e.config.planes());
  window_.resize(e.config.kernel_frames - 1 + block_tile_);
  for (auto* rows : {&outs_, &last_}) rows->resize(block_tile_);
  residuals_.resize(block_tile_);
  if (e.filter_bank) filtered_.resize(FilterBank::kRows * e.config.num_streams);
}

void Stream::reset(std::uint64_t seed) {
  received_ = emitted_ = predicted_ = from_ = 0;
  until_ = std::numeric_limits<std::int64_t>::max() / engine_->config.hop_length;
  projections_.reset();
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

std::size_t Stream::memory() const {
  std::size_t bytes = sizeof *this + network_->memory() + projections_.memory() + prior_.memory() + prior_samples_.memory() + wave_.memory();
  for (const Floats* floats : {&ring_storage_, &zeros_, &scratch_, &planes_})
    bytes += floats->size() * sizeof(float);
  for (const SampleBuffer& samples : streams_) bytes += samples.memory();
  for (const SampleBuffer& samples : predicted_streams_) bytes += samples.memory();
  for (const OverlapAdd& overlap : overlap_) bytes += overlap.memory();
  const std::size_t pointers = begun_.size() + mixed_.size() + window_.size() + residuals_.size() + outs_.size() +
                               last_.size() + filtered_.size() + plane_rows_.size();
  return bytes + (frames_.size() + spectra_.size()) * sizeof(FrameRing) + pointers * sizeof(float*);
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
  const StageTimer timer(profile_, &StageSeconds::prior);
  const Engine& e = *engine_;
  for (std::int64_t t = 0; t < frames; ++t) {
    float* row = mel_.push();
    const float* from = mel.data + t * mel.frame_stride;
    for (int k = 0; k < e.config.n_mels; ++k) row[k] = (std::max(from[k * mel.band_stride], e.mel_floor) - e.mel_mean[k]) / e.mel_scale[k];
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

// The blocks take few frames at a time, so that what they keep stays in the second-level cache.
void Stream::advance() {
  analyse();
  {
    const StageTimer timer(profile_, &StageSeconds::projections);
    project();
  }
  bool more = true;
  for (std::int64_t emitted = 0; more && emitted < tile_; emitted += block_tile_) {
    more = false;
    {
      const StageTimer timer(profile_, &StageSeconds::blocks);
      for (std::size_t i = 0; i < engine_->blocks.size(); ++i) more = run_block(i) || more;
    }
    synthesise();
  }
}

// The spectra of the prior, or of its streams.
void Stream::analyse() {
  const StageTimer timer(profile_, &StageSeconds::analysis);
  const Engine& e = *engine_;
  if (e.filter_bank) e.filter_bank->analyse(e.kernels, prior_samples_, streams_, scratch_.data());
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
          re[f] = std::log(std::sqrt(std::max(power, kMinPower)));
          im[f] = phase;
        }
      }
    }
  for (int s = 0; s < e.config.num_streams; ++s) source(s).drop(until * e.stft.hop() - e.stft.margin());
  if (!first.ended() || until < received_) return;
  for (FrameRing& ring : spectra_) ring.end();
}

// Frames of the last block to samples.
void Stream::synthesise() {
  const StageTimer timer(profile_, &StageSeconds::synthesis);
  const Engine& e = *engine_;
  FrameRing& last = frames_.back();
  const std::int64_t count = last.count() - predicted_;
  for (std::int64_t i = 0; i < count; ++i) last_[i] = last.row(predicted_ + i);
  network_->finish_output(last_.data(), count);
  for (; predicted_ < last.count(); ++predicted_) synthesise_frame(last.row(predicted_));
  if (last.ended() && !wave_.ended() && predicted_ == last.count())
    for (int s = 0; s < e.config.num_streams; ++s) overlap_[s].finish(e.filter_bank ? predicted_streams_[s] : wave_);
  if (e.filter_bank && !wave_.ended())
    e.filter_bank->synthesise(e.kernels, predicted_streams_, wave_, scratch_.data(), filtered_.data());
}

void Stream::synthesise_frame(const float* row) {
  const Engine& e = *engine_;
  const int streams = e.config.num_streams;
  network_->unmix(row, 2 * streams, plane_rows_.data());
  finish_spectrum(plane_rows_[0], plane_rows_[1]);
  for (int s = 0; s < streams; ++s)
    overlap_[s].add(plane_rows_[2 * s], plane_rows_[2 * s + 1], e.filter_bank ? predicted_streams_[s] : wave_, scratch_.data());
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
      const float magnitude = std::min(std::exp(re[f]), kMaxMagnitude), phase = im[f];
      re[f] = magnitude * std::cos(phase);
      im[f] = magnitude * std::sin(phase);
    }
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
