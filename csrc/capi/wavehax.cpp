// The C interface: checks, states and errors over the engine; no arithmetic. As wavehax/vocoder.py and inputs.py for Python.
#include "wavehax.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "../kernels/cpu.h"
#include "../model/engine.h"
#include "../voice/f0.h"
#include "../voice/stream.h"
#include "../voice/vocode.h"
#include "checks.h"
#include "model_file.h"

using wavehax::check_f0;
using wavehax::check_mel;
using wavehax::check_room;
using wavehax::check_size;
using wavehax::fail;
using wavehax::guarded;
using wavehax::MelView;
using wavehax::null;
using wavehax::read_options;

struct wavehax_model {
  std::string config;
  std::shared_ptr<const wavehax::Engine> engine;
  std::shared_ptr<const wavehax::F0Predictor> f0;  // or null
};

struct wavehax_stream {
  enum class Pitch { kNone, kGiven, kPredicted };  // by the pushes since the last reset

  explicit wavehax_stream(const wavehax_model& model) : voice(model.engine, wavehax::Stream::kTile) {
    if (model.f0) f0 = std::make_unique<wavehax::F0Stream>(model.f0);
  }

  wavehax::Stream voice;
  std::unique_ptr<wavehax::F0Stream> f0;  // or null
  Pitch pitch = Pitch::kNone;
  std::int64_t frames = 0;  // since the last reset
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
};

namespace {

constexpr std::int64_t kMaxThreads = 1 << 16;  // more would find no utterance long enough

// The stream taken by one thread while this lives.
class Alone {
 public:
  explicit Alone(wavehax_stream* stream) : stream_(stream), taken_(!stream->busy.test_and_set(std::memory_order_acquire)) {}
  ~Alone() {
    if (taken_) stream_->busy.clear(std::memory_order_release);
  }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;
  explicit operator bool() const { return taken_; }

 private:
  wavehax_stream* stream_;
  bool taken_;
};

wavehax_status in_use(wavehax_error* error) {
  return fail(error, WAVEHAX_ERROR_STATE,
              "this stream is in use by another thread: a stream belongs to one voice, make one for each");
}

wavehax_status flushed(wavehax_error* error) {
  return fail(error, WAVEHAX_ERROR_STATE, "this stream is flushed: reset begins another utterance");
}

wavehax_status no_predictor(wavehax_error* error) {
  return fail(error, WAVEHAX_ERROR_ARGUMENT,
              "f0 is null: expected one value for each frame, as this model does not predict it");
}

MelView view(const float* mel, int n_mels) { return {mel, 1, n_mels}; }

template <typename... Source>
wavehax_status load(const wavehax_load_options* given, wavehax_model** model, wavehax_error* error, Source... source) {
  wavehax_load_options options;
  if (const wavehax_status status = read_options(given, options, error)) return status;
  const wavehax::Kernels* kernels = nullptr;
  wavehax::Precision precision{};
  const wavehax_status status = guarded(error, WAVEHAX_ERROR_ARGUMENT, [&] {
    kernels = &wavehax::choose_kernels(options.isa == nullptr ? "auto" : options.isa);
    precision = wavehax::choose_precision(options.precision == nullptr ? "fp32" : options.precision, *kernels);
  });
  if (status != WAVEHAX_OK) return status;
  return guarded(error, WAVEHAX_ERROR_MODEL, [&] {
    wavehax::ModelFile file = wavehax::read_model_file(source...);
    auto result = std::make_unique<wavehax_model>();
    result->config = std::move(file.config_text);
    result->engine =
        std::make_shared<const wavehax::Engine>(file.config.generator, wavehax::Weights(file.generator), *kernels, precision,
                                                file.config.log_floor);
    if (file.config.f0)
      result->f0 = std::make_shared<const wavehax::F0Predictor>(*file.config.f0, wavehax::Weights(file.f0), *kernels,
                                                                file.config.log_floor);
    *model = result.release();
  });
}

// Frames with F0 predicted a tile at a time: where it is kept needs no allocation.
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

wavehax_status check_push(const wavehax_stream& stream, const float* mel, const float* f0, std::int64_t frames,
                          wavehax_error* error) {
  using Pitch = wavehax_stream::Pitch;
  if (stream.voice.flushed()) return flushed(error);
  const int n_mels = stream.voice.engine().config.n_mels;
  if (const wavehax_status status = check_mel(mel, frames, n_mels, stream.frames, error)) return status;
  if (const wavehax_status status = check_f0(f0, frames, stream.frames, error)) return status;
  if (frames == 0) return WAVEHAX_OK;  // of which F0 is neither given nor missing
  if (f0 == nullptr && !stream.f0) return no_predictor(error);
  if (stream.pitch == (f0 == nullptr ? Pitch::kGiven : Pitch::kPredicted))
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "f0 is %s from frame %lld on: expected for all frames, or for none",
                f0 == nullptr ? "null" : "given", static_cast<long long>(stream.frames));
  return WAVEHAX_OK;
}

}  // namespace

const char* wavehax_version(void) { return WAVEHAX_VERSION; }

const char* wavehax_available_isas(void) try {
  static const std::string names = [] {
    std::string joined;
    for (const std::string& isa : wavehax::available_isas()) joined += (joined.empty() ? "" : ",") + isa;
    return joined;
  }();
  return names.c_str();
} catch (const std::exception&) {
  return "portable";  // without the memory for their names
}

wavehax_status wavehax_model_load(const char* path, const wavehax_load_options* options, wavehax_model** model,
                                  wavehax_error* error) {
  if (model == nullptr) return null(error, "model");
  *model = nullptr;
  if (path == nullptr) return null(error, "path");
  return load(options, model, error, path);
}

wavehax_status wavehax_model_load_memory(const void* data, size_t size, const wavehax_load_options* options,
                                         wavehax_model** model, wavehax_error* error) {
  if (model == nullptr) return null(error, "model");
  *model = nullptr;
  if (data == nullptr) return null(error, "data");
  return load(options, model, error, data, size);
}

void wavehax_model_free(wavehax_model* model) { delete model; }

wavehax_status wavehax_model_info(const wavehax_model* model, wavehax_info* info, wavehax_error* error) {
  if (model == nullptr) return null(error, "model");
  if (info == nullptr) return null(error, "info");
  const std::size_t size = info->size;
  if (const wavehax_status status = check_size(size, sizeof *info, "info", error)) return status;
  const wavehax::Engine& engine = *model->engine;
  const wavehax::Config& config = engine.config;
  std::memset(info, 0, size);  // members of a later version, too
  *info = {size,           config.sample_rate, config.hop_length,  config.n_mels,
           engine.streamable, engine.delay(),  model->f0 != nullptr, engine.kernels.isa,
           wavehax::precision_name(engine.precision)};
  return WAVEHAX_OK;
}

const char* wavehax_model_config(const wavehax_model* model) { return model == nullptr ? nullptr : model->config.c_str(); }

wavehax_status wavehax_vocode(const wavehax_model* model, const float* mel, const float* f0, int64_t frames,
                              const wavehax_vocode_options* given, float* wave, wavehax_error* error) {
  if (model == nullptr) return null(error, "model");
  wavehax_vocode_options options;
  if (const wavehax_status status = read_options(given, options, error)) return status;
  const int n_mels = model->engine->config.n_mels;
  if (const wavehax_status status = check_mel(mel, frames, n_mels, 0, error)) return status;
  if (const wavehax_status status = check_f0(f0, frames, 0, error)) return status;
  if (frames == 0) return fail(error, WAVEHAX_ERROR_ARGUMENT, "frames is 0: expected at least one");
  if (options.threads < 0)
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "threads is %lld: expected 0 or more", static_cast<long long>(options.threads));
  if (wave == nullptr) return null(error, "wave");
  if (f0 == nullptr && !model->f0) return no_predictor(error);
  const auto threads = static_cast<int>(std::clamp<std::int64_t>(options.threads, 1, kMaxThreads));
  return guarded(error, WAVEHAX_ERROR_ARGUMENT, [&] {
    std::vector<float> predicted(f0 == nullptr ? static_cast<std::size_t>(frames) : 0);
    if (f0 == nullptr) wavehax::F0Stream(model->f0).push(view(mel, n_mels), frames, predicted.data());
    wavehax::vocode(model->engine, view(mel, n_mels), f0 == nullptr ? predicted.data() : f0, frames, options.seed, nullptr,
                    threads, wave);
  });
}

wavehax_status wavehax_predict_f0(const wavehax_model* model, const float* mel, int64_t frames, float* f0,
                                  wavehax_error* error) {
  if (model == nullptr) return null(error, "model");
  if (!model->f0) return fail(error, WAVEHAX_ERROR_ARGUMENT, "model does not predict F0");
  const int n_mels = model->engine->config.n_mels;
  if (const wavehax_status status = check_mel(mel, frames, n_mels, 0, error)) return status;
  if (f0 == nullptr && frames > 0) return null(error, "f0");
  return guarded(error, WAVEHAX_ERROR_ARGUMENT, [&] { wavehax::F0Stream(model->f0).push(view(mel, n_mels), frames, f0); });
}

wavehax_status wavehax_stream_new(const wavehax_model* model, uint64_t seed, wavehax_stream** stream, wavehax_error* error) {
  if (stream == nullptr) return null(error, "stream");
  *stream = nullptr;
  if (model == nullptr) return null(error, "model");
  if (!model->engine->streamable)
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "model cannot stream: its norm 'utterance' needs the whole utterance");
  return guarded(error, WAVEHAX_ERROR_ARGUMENT, [&] {
    auto result = std::make_unique<wavehax_stream>(*model);
    result->voice.reset(seed);
    *stream = result.release();
  });
}

wavehax_status wavehax_stream_push(wavehax_stream* stream, const float* mel, const float* f0, int64_t frames, float* wave,
                                   int64_t capacity, int64_t* samples, wavehax_error* error) {
  if (stream == nullptr) return null(error, "stream");
  if (samples == nullptr) return null(error, "samples");
  const Alone alone(stream);
  if (!alone) return in_use(error);
  if (const wavehax_status status = check_push(*stream, mel, f0, frames, error)) return status;
  if (const wavehax_status status = check_room(stream->voice.pending_push(frames), wave, capacity, error)) return status;
  const MelView from = view(mel, stream->voice.engine().config.n_mels);
  *samples = f0 == nullptr ? push_predicted(*stream, from, frames, wave) : stream->voice.push(from, f0, frames, nullptr, wave);
  if (frames > 0) stream->pitch = f0 == nullptr ? wavehax_stream::Pitch::kPredicted : wavehax_stream::Pitch::kGiven;
  stream->frames += frames;
  return WAVEHAX_OK;
}

wavehax_status wavehax_stream_flush(wavehax_stream* stream, float* wave, int64_t capacity, int64_t* samples,
                                    wavehax_error* error) {
  if (stream == nullptr) return null(error, "stream");
  if (samples == nullptr) return null(error, "samples");
  const Alone alone(stream);
  if (!alone) return in_use(error);
  if (stream->voice.flushed()) return flushed(error);
  if (const wavehax_status status = check_room(stream->voice.pending_flush(), wave, capacity, error)) return status;
  *samples = stream->voice.flush(nullptr, wave);
  return WAVEHAX_OK;
}

wavehax_status wavehax_stream_reset(wavehax_stream* stream, uint64_t seed, wavehax_error* error) {
  if (stream == nullptr) return null(error, "stream");
  const Alone alone(stream);
  if (!alone) return in_use(error);
  stream->voice.reset(seed);
  if (stream->f0) stream->f0->reset();
  stream->pitch = wavehax_stream::Pitch::kNone;
  stream->frames = 0;
  return WAVEHAX_OK;
}

void wavehax_stream_free(wavehax_stream* stream) { delete stream; }
