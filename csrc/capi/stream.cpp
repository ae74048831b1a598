// The streams of the C interface: checks, states and errors, and no arithmetic. wavehax/stream.py
// does the same for Python.
#include "../voice/stream.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include "checks.h"
#include "model.h"
#include "wavehax.h"

using wavehax::check_f0;
using wavehax::check_mel;
using wavehax::check_room;
using wavehax::fail;
using wavehax::guarded;
using wavehax::MelView;
using wavehax::no_predictor;
using wavehax::null_argument;
using wavehax::view;

struct wavehax_stream {
  enum class Pitch { kNone, kGiven, kPredicted };  // F0 of the frames pushed since the last reset

  explicit wavehax_stream(const wavehax_model& model)
      : voice(model.engine, wavehax::Stream::kTile) {
    if (model.f0) f0 = std::make_unique<wavehax::F0Stream>(model.f0);
  }

  wavehax::Stream voice;
  std::unique_ptr<wavehax::F0Stream> f0;  // or null
  Pitch pitch = Pitch::kNone;
  std::int64_t frames = 0;  // pushed since the last reset
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
};

namespace {

// Takes a stream for one thread for as long as this lives. It is false if another thread has the
// stream.
class ExclusiveUse {
 public:
  explicit ExclusiveUse(wavehax_stream* stream)
      : stream_(stream), taken_(!stream->busy.test_and_set(std::memory_order_acquire)) {}
  ~ExclusiveUse() {
    if (taken_) stream_->busy.clear(std::memory_order_release);
  }
  ExclusiveUse(const ExclusiveUse&) = delete;
  ExclusiveUse& operator=(const ExclusiveUse&) = delete;
  explicit operator bool() const { return taken_; }

 private:
  wavehax_stream* stream_;
  bool taken_;
};

wavehax_status in_use(wavehax_error* error) {
  return fail(
      error, WAVEHAX_ERROR_STATE,
      "this stream is in use by another thread: a stream belongs to one voice, make one for each");
}

wavehax_status flushed(wavehax_error* error) {
  return fail(error, WAVEHAX_ERROR_STATE, "this stream is flushed: reset begins another utterance");
}

// Pushes frames with predicted F0. F0 is predicted a tile at a time, so that its array needs no
// allocation.
std::int64_t push_predicted(wavehax_stream& stream, MelView mel, std::int64_t frames, float* wave) {
  float f0[wavehax::Stream::kTile];
  std::int64_t written = 0;
  for (std::int64_t first = 0; first < frames; first += wavehax::Stream::kTile) {
    const std::int64_t count = std::min(wavehax::Stream::kTile, frames - first);
    stream.f0->push(mel.from(first), count, f0);
    written += stream.voice.push(mel.from(first), f0, count, nullptr, wave + written);
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
  return WAVEHAX_OK;
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
  const ExclusiveUse use(stream);
  if (!use) return in_use(error);
  if (const wavehax_status status = check_push(*stream, mel, f0, frames, error)) return status;
  if (const wavehax_status status =
          check_room(stream->voice.pending_push(frames), wave, capacity, error))
    return status;
  const MelView from = view(mel, stream->voice.engine().config.n_mels);
  *samples = f0 == nullptr ? push_predicted(*stream, from, frames, wave)
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
  const ExclusiveUse use(stream);
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
  const ExclusiveUse use(stream);
  if (!use) return in_use(error);
  stream->voice.reset(seed);
  if (stream->f0) stream->f0->reset();
  stream->pitch = wavehax_stream::Pitch::kNone;
  stream->frames = 0;
  return WAVEHAX_OK;
}

void wavehax_stream_free(wavehax_stream* stream) { delete stream; }
