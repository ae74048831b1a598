// The streams of the C interface: checks, states and errors, and no arithmetic.
// wavehax/voice/stream.py does the same for Python.
#include "../voice/stream.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "exclusive.h"
#include "model.h"
#include "wavehax.h"

using wavehax::check_f0;
using wavehax::check_mel;
using wavehax::check_room;
using wavehax::check_scaled_f0;
using wavehax::ExclusiveUse;
using wavehax::fail;
using wavehax::flushed;
using wavehax::guarded;
using wavehax::in_use;
using wavehax::MelView;
using wavehax::no_predictor;
using wavehax::null_argument;
using wavehax::view;

struct wavehax_stream {
  enum class Pitch { kNone, kGiven, kPredicted };  // F0 of the frames pushed since the last reset

  explicit wavehax_stream(const wavehax_model& model)
      : voice(model.engine, wavehax::Stream::kTile),
        scaler(model.features),
        changed(static_cast<std::size_t>(wavehax::Stream::kTile * model.features.n_mels)) {
    if (model.f0) f0 = std::make_unique<wavehax::F0Stream>(model.f0);
  }

  wavehax::Stream voice;
  std::unique_ptr<wavehax::F0Stream> f0;  // or null
  wavehax::Scaler scaler;
  std::vector<float> changed;  // mel of a tile
  Pitch pitch = Pitch::kNone;
  std::int64_t frames = 0;  // pushed since the last reset
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
};

namespace {

// Pushes frames whose F0 is predicted, or whose mel and F0 change. They are made a tile at a time,
// so that their arrays need no allocation.
std::int64_t push_tiles(wavehax_stream& stream, MelView mel, const float* f0, std::int64_t frames,
                        float* wave) {
  const int n_mels = stream.voice.engine().config.n_mels;
  float pitch[wavehax::Stream::kTile];
  std::int64_t written = 0;
  for (std::int64_t first = 0; first < frames; first += wavehax::Stream::kTile) {
    const std::int64_t count = std::min(wavehax::Stream::kTile, frames - first);
    MelView tile = mel.from(first);
    if (f0 == nullptr)
      stream.f0->push(tile, count, pitch);
    else
      std::copy_n(f0 + first, count, pitch);
    if (stream.scaler.scales().changes()) {
      std::copy_n(tile.data, count * n_mels, stream.changed.data());
      tile = view(stream.changed.data(), n_mels);
      for (std::int64_t t = 0; t < count; ++t)
        pitch[t] = stream.scaler.apply(stream.changed.data() + t * n_mels, pitch[t]);
    }
    written += stream.voice.push(tile, pitch, count, nullptr, wave + written);
  }
  return written;
}

wavehax_status check_push(const wavehax_stream& stream, const float* mel, const float* f0,
                          std::int64_t frames, wavehax_error* error) {
  using Pitch = wavehax_stream::Pitch;
  if (stream.voice.flushed()) return flushed(error);
  const int n_mels = stream.voice.engine().config.n_mels;
  if (const wavehax_status status = check_mel(mel, frames, n_mels, stream.frames, error))
    return status;
  if (const wavehax_status status = check_f0(f0, frames, stream.frames, error)) return status;
  // No frames, so that F0 is neither given nor missing.
  if (frames == 0) return WAVEHAX_OK;
  if (f0 == nullptr && !stream.f0) return no_predictor(error);
  if (stream.pitch == (f0 == nullptr ? Pitch::kGiven : Pitch::kPredicted))
    return fail(error, WAVEHAX_ERROR_ARGUMENT,
                "f0 is %s from frame %lld on: expected for all frames, or for none",
                f0 == nullptr ? "null" : "given", static_cast<long long>(stream.frames));
  const wavehax::Scales& scales = stream.scaler.scales();
  return f0 == nullptr ? check_scaled_f0(stream.f0->predictor(), scales, error)
                       : check_scaled_f0(f0, frames, stream.frames, scales, error);
}

}  // namespace

wavehax_status wavehax_stream_new(const wavehax_model* model, uint64_t seed,
                                  wavehax_stream** stream, wavehax_error* error) {
  if (stream == nullptr) return null_argument(error, "stream");
  *stream = nullptr;
  if (model == nullptr) return null_argument(error, "model");
  if (!model->engine->streamable)
    return fail(error, WAVEHAX_ERROR_ARGUMENT,
                "model cannot stream: its norm 'utterance' needs the whole utterance");
  return guarded(error, WAVEHAX_ERROR_ARGUMENT, [&] {
    auto result = std::make_unique<wavehax_stream>(*model);
    result->voice.reset(seed);
    *stream = result.release();
  });
}

wavehax_status wavehax_stream_push(wavehax_stream* stream, const float* mel, const float* f0,
                                   int64_t frames, float* wave, int64_t capacity, int64_t* samples,
                                   wavehax_error* error) {
  if (stream == nullptr) return null_argument(error, "stream");
  if (samples == nullptr) return null_argument(error, "samples");
  const ExclusiveUse use(stream->busy);
  if (!use) return in_use(error);
  if (const wavehax_status status = check_push(*stream, mel, f0, frames, error)) return status;
  if (const wavehax_status status =
          check_room(stream->voice.pending_push(frames), wave, capacity, error))
    return status;
  const MelView from = view(mel, stream->voice.engine().config.n_mels);
  *samples = f0 == nullptr || stream->scaler.scales().changes()
                 ? push_tiles(*stream, from, f0, frames, wave)
                 : stream->voice.push(from, f0, frames, nullptr, wave);
  if (frames > 0)
    stream->pitch =
        f0 == nullptr ? wavehax_stream::Pitch::kPredicted : wavehax_stream::Pitch::kGiven;
  stream->frames += frames;
  return WAVEHAX_OK;
}

wavehax_status wavehax_stream_flush(wavehax_stream* stream, float* wave, int64_t capacity,
                                    int64_t* samples, wavehax_error* error) {
  if (stream == nullptr) return null_argument(error, "stream");
  if (samples == nullptr) return null_argument(error, "samples");
  const ExclusiveUse use(stream->busy);
  if (!use) return in_use(error);
  if (stream->voice.flushed()) return flushed(error);
  if (const wavehax_status status =
          check_room(stream->voice.pending_flush(), wave, capacity, error))
    return status;
  *samples = stream->voice.flush(nullptr, wave);
  return WAVEHAX_OK;
}

wavehax_status wavehax_stream_reset(wavehax_stream* stream, uint64_t seed, wavehax_error* error) {
  if (stream == nullptr) return null_argument(error, "stream");
  const ExclusiveUse use(stream->busy);
  if (!use) return in_use(error);
  stream->voice.reset(seed);
  if (stream->f0) stream->f0->reset();
  stream->pitch = wavehax_stream::Pitch::kNone;
  stream->frames = 0;
  return WAVEHAX_OK;
}

wavehax_status wavehax_stream_scale(wavehax_stream* stream, double f0_scale, double formant_scale,
                                    wavehax_error* error) {
  if (stream == nullptr) return null_argument(error, "stream");
  wavehax::Scales scales;
  if (const wavehax_status status = wavehax::read_scales(f0_scale, formant_scale, scales, error))
    return status;
  const ExclusiveUse use(stream->busy);
  if (!use) return in_use(error);
  stream->scaler.set(scales);
  return WAVEHAX_OK;
}

void wavehax_stream_free(wavehax_stream* stream) { delete stream; }
