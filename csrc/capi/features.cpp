// The mels of the C interface: their definition, and a recording's, whole or as it comes. Checks,
// states and errors; wavehax/mel/features.py and stream.py do the same for Python.
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>

#include "../signal/mel.h"
#include "exclusive.h"
#include "model.h"
#include "wavehax.h"

using wavehax::check_size;
using wavehax::ExclusiveUse;
using wavehax::fail;
using wavehax::FeatureConfig;
using wavehax::flushed;
using wavehax::guarded;
using wavehax::in_use;
using wavehax::mel_delay;
using wavehax::mel_frames;
using wavehax::null_argument;

struct wavehax_mel_stream {
  explicit wavehax_mel_stream(const FeatureConfig& config) : mel(config) {}

  wavehax::MelStream mel;
  std::int64_t samples = 0;  // pushed since the last reset
  bool flushed = false;
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
};

namespace {

constexpr std::int64_t kMaxSamples = std::int64_t{1} << 50;

// Refuses values that are no sound. Messages count samples from `first`.
wavehax_status check_audio(const float* audio, std::int64_t samples, std::int64_t first,
                           wavehax_error* error) {
  if (samples < 0 || samples > kMaxSamples)
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "samples is %lld: expected 0 to 2**50",
                static_cast<long long>(samples));
  if (audio == nullptr && samples > 0) return null_argument(error, "audio");
  for (std::int64_t i = 0; i < samples; ++i)
    if (!std::isfinite(audio[i]))
      return fail(error, WAVEHAX_ERROR_ARGUMENT,
                  "audio is %g in sample %lld: expected finite values",
                  static_cast<double>(audio[i]), static_cast<long long>(first + i));
  return WAVEHAX_OK;
}

wavehax_status check_frames(std::int64_t frames, const float* mel, std::int64_t capacity,
                            wavehax_error* error) {
  if (capacity < frames)
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "capacity is %lld: expected room for %lld frames",
                static_cast<long long>(capacity), static_cast<long long>(frames));
  return mel == nullptr && frames > 0 ? null_argument(error, "mel") : WAVEHAX_OK;
}

}  // namespace

wavehax_status wavehax_model_features(const wavehax_model* model, wavehax_features* features,
                                      wavehax_error* error) {
  if (model == nullptr) return null_argument(error, "model");
  if (features == nullptr) return null_argument(error, "features");
  const std::size_t size = features->size;
  if (const wavehax_status status = check_size(size, sizeof *features, "features", error))
    return status;
  const FeatureConfig& c = model->features;
  // Also clears members that a later version has added.
  std::memset(features, 0, size);
  features->size = size;
  features->sample_rate = c.sample_rate;
  features->hop_length = c.hop_length;
  features->n_fft = c.n_fft;
  features->n_mels = c.n_mels;
  features->delay = mel_delay(c);
  features->f_min = c.f_min;
  features->f_max = c.f_max;
  features->log_floor = c.log_floor;
  features->mel_scale = c.slaney_scale ? "slaney" : "htk";
  features->mel_norm = c.unit_area ? "slaney" : "none";
  features->padding = c.centred ? "centre" : "same";
  return WAVEHAX_OK;
}

int64_t wavehax_mel_frames(const wavehax_model* model, int64_t samples) {
  if (model == nullptr || samples < 0) return -1;
  return mel_frames(model->features, samples);
}

wavehax_status wavehax_log_mel(const wavehax_model* model, const float* audio, int64_t samples,
                               float* mel, wavehax_error* error) {
  if (model == nullptr) return null_argument(error, "model");
  if (const wavehax_status status = check_audio(audio, samples, 0, error)) return status;
  if (mel_frames(model->features, samples) == 0)
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "samples is %lld: expected at least one hop of %d",
                static_cast<long long>(samples), model->features.hop_length);
  if (mel == nullptr) return null_argument(error, "mel");
  return guarded(error, WAVEHAX_ERROR_ARGUMENT, [&] {
    wavehax::MelStream stream(model->features);
    const std::int64_t frames = stream.push(audio, samples, mel);
    stream.flush(mel + frames * model->features.n_mels);
  });
}

wavehax_status wavehax_mel_stream_new(const wavehax_model* model, wavehax_mel_stream** stream,
                                      wavehax_error* error) {
  if (stream == nullptr) return null_argument(error, "stream");
  *stream = nullptr;
  if (model == nullptr) return null_argument(error, "model");
  return guarded(error, WAVEHAX_ERROR_ARGUMENT, [&] {
    *stream = std::make_unique<wavehax_mel_stream>(model->features).release();
  });
}

wavehax_status wavehax_mel_stream_push(wavehax_mel_stream* stream, const float* audio,
                                       int64_t samples, float* mel, int64_t capacity,
                                       int64_t* frames, wavehax_error* error) {
  if (stream == nullptr) return null_argument(error, "stream");
  if (frames == nullptr) return null_argument(error, "frames");
  const ExclusiveUse use(stream->busy);
  if (!use) return in_use(error);
  if (stream->flushed) return flushed(error);
  if (const wavehax_status status = check_audio(audio, samples, stream->samples, error))
    return status;
  if (const wavehax_status status =
          check_frames(stream->mel.pending_push(samples), mel, capacity, error))
    return status;
  *frames = stream->mel.push(audio, samples, mel);
  stream->samples += samples;
  return WAVEHAX_OK;
}

wavehax_status wavehax_mel_stream_flush(wavehax_mel_stream* stream, float* mel, int64_t capacity,
                                        int64_t* frames, wavehax_error* error) {
  if (stream == nullptr) return null_argument(error, "stream");
  if (frames == nullptr) return null_argument(error, "frames");
  const ExclusiveUse use(stream->busy);
  if (!use) return in_use(error);
  if (stream->flushed) return flushed(error);
  if (const wavehax_status status = check_frames(stream->mel.pending_flush(), mel, capacity, error))
    return status;
  *frames = stream->mel.flush(mel);
  stream->flushed = true;
  return WAVEHAX_OK;
}

wavehax_status wavehax_mel_stream_reset(wavehax_mel_stream* stream, wavehax_error* error) {
  if (stream == nullptr) return null_argument(error, "stream");
  const ExclusiveUse use(stream->busy);
  if (!use) return in_use(error);
  stream->mel.reset();
  stream->samples = 0;
  stream->flushed = false;
  return WAVEHAX_OK;
}

void wavehax_mel_stream_free(wavehax_mel_stream* stream) { delete stream; }
