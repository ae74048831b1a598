#include "stream.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

namespace wavehax {
namespace {

// Adds the time that it lives to a stage of a profile, unless the profile is null.
class StageTimer {
 public:
  StageTimer(StageSeconds* profile, double StageSeconds::* stage)
      : total_(profile == nullptr ? nullptr : &(profile->*stage)) {
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
      prior_(engine_->kernels, engine_->prior, engine_->config.hop_length,
             engine_->config.sample_rate, engine_->excitation) {
  assert(block_tile_ <= tile_);
  make_rings();
  make_sample_buffers();
  make_scratch();
  reset(0);
}

void Stream::reset(std::uint64_t seed) {
  received_ = emitted_ = predicted_ = first_hop_ = 0;
  end_hop_ = std::numeric_limits<std::int64_t>::max() / engine_->config.hop_length;
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

void Stream::enter(const float* f0, std::int64_t first, std::int64_t from, std::int64_t until) {
  for (std::int64_t t = 0; t < first; ++t) prior_.skip(f0[t]);
  first_hop_ = from - first;
  end_hop_ = until - first;
  emitted_ = first_hop_ * engine_->config.hop_length;
}

std::int64_t Stream::push(MelView mel, const float* f0, std::int64_t frames, const float* prior,
                          float* out) {
  std::int64_t written = 0;
  for (std::int64_t first = 0; first < frames; first += tile_) {
    const std::int64_t count = std::min(tile_, frames - first);
    take(mel.from(first), f0 + first, count,
         prior == nullptr ? nullptr : prior + first * engine_->config.hop_length);
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
    for (int k = 0; k < e.config.n_mels; ++k)
      row[k] = (std::max(from[k * mel.band_stride], e.mel_floor) - e.mel_mean[k]) / e.mel_scale[k];
    if (prior == nullptr)
      prior_.push(f0[t], prior_samples_);
    else
      std::copy_n(prior + t * e.config.hop_length, e.config.hop_length,
                  prior_samples_.extend(e.config.hop_length));
  }
  received_ += frames;
  last_f0_ = f0[frames - 1];
}

// Hops of centred frames begin half a hop early, so the last samples lie in a hop that has no frame
// of its own.
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

// Moves frames through all stages. The blocks take few frames at a time, so that the frames they
// keep stay in the second-level cache.
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

// Computes the spectra of the prior, or those of its streams.
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
          // Adding zero turns -0 into +0, whose phase with a zero imaginary part is 0.
          const float power = re[f] * re[f] + im[f] * im[f],
                      phase = std::atan2(im[f], re[f] + 0.0f);
          re[f] = std::log(std::sqrt(std::max(power, kMinPower)));
          im[f] = phase;
        }
      }
    }
  for (int s = 0; s < e.config.num_streams; ++s)
    source(s).drop(until * e.stft.hop_length() - e.stft.margin());
  if (!first.ended() || until < received_) return;
  for (FrameRing& ring : spectra_) ring.end();
}

// Turns the frames that the last block has put out into samples.
void Stream::synthesise() {
  const StageTimer timer(profile_, &StageSeconds::synthesis);
  const Engine& e = *engine_;
  FrameRing& last = frames_.back();
  const std::int64_t count = last.count() - predicted_;
  for (std::int64_t i = 0; i < count; ++i) output_rows_[i] = last.row(predicted_ + i);
  network_->finish_output(output_rows_.data(), count);
  for (; predicted_ < last.count(); ++predicted_) synthesise_frame(last.row(predicted_));
  if (last.ended() && !wave_.ended() && predicted_ == last.count())
    for (int s = 0; s < e.config.num_streams; ++s)
      overlap_[s].finish(e.filter_bank ? predicted_streams_[s] : wave_);
  if (e.filter_bank && !wave_.ended())
    e.filter_bank->synthesise(e.kernels, predicted_streams_, wave_, scratch_.data(),
                              filter_rows_.data());
}

void Stream::synthesise_frame(const float* row) {
  const Engine& e = *engine_;
  const int streams = e.config.num_streams;
  network_->unmix(row, 2 * streams, plane_rows_.data());
  finish_spectrum(plane_rows_[0], plane_rows_[1]);
  for (int s = 0; s < streams; ++s)
    overlap_[s].add(plane_rows_[2 * s], plane_rows_[2 * s + 1],
                    e.filter_bank ? predicted_streams_[s] : wave_, scratch_.data());
}

// Turns the two output planes of the network into real and imaginary part.
void Stream::finish_spectrum(float* re, float* im) const {
  const Engine& e = *engine_;
  if (e.excitation) {
    const float *envelope = envelope_.at(predicted_), *prior_re = spectra_[0].at(predicted_),
                *prior_im = spectra_[1].at(predicted_);
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
  wave_.drop(engine_->margin() + first_hop_ * engine_->config.hop_length);
  const std::int64_t count = std::min(wave_.end() - wave_.begin(), limit);
  std::copy_n(wave_.from(wave_.begin()), count, out);
  wave_.drop(wave_.end());
  emitted_ += count;
  return count;
}

}  // namespace wavehax
