// What web/engine.js calls. Numbers are 32 bits wide, for that is what JavaScript passes without
// ado; objects are addresses in the module's memory. What can fail returns 0 or -1, and
// `last_error` says why. web/vocoder.js checks shapes and ranges.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "../capi/checks.h"
#include "../capi/model_file.h"
#include "../kernels/cpu.h"
#include "../model/engine.h"
#include "../signal/scaler.h"
#include "../voice/f0.h"
#include "../voice/stream.h"
#include "../voice/vocode.h"
#include "revoice.h"

#define EXPORT extern "C" __attribute__((used, visibility("default")))

using wavehax::check_f0;
using wavehax::check_mel;
using wavehax::fail;
using wavehax::guarded;
using wavehax::MelView;
using wavehax::Model;

namespace {

wavehax_error error;  // of the last call that failed; one thread runs this module

std::uint64_t seed(std::uint32_t low, std::uint32_t high) {
  return std::uint64_t{high} << 32 | low;
}

// `work`'s result, or `failed` once `error` says what went wrong.
template <typename Result, typename Work>
Result attempt(Result failed, wavehax_status mistake, Work work) {
  Result result = failed;
  return guarded(&error, mistake, [&] { result = work(); }) == WAVEHAX_OK ? result : failed;
}

template <typename Work>
int call(Work work) {
  return attempt(-1, WAVEHAX_ERROR_ARGUMENT, work);
}

template <typename Work>
auto make(Work work) -> decltype(work().release()) {
  return attempt(decltype(work().release())(nullptr), WAVEHAX_ERROR_ARGUMENT,
                 [&] { return work().release(); });
}

MelView view(const float* mel, int n_mels) { return {mel, 1, n_mels}; }

// Scales F0 in place and takes the harmonics of the old F0 out of the mel. A scale of 1 changes
// nothing.
void scale_f0(const Model& model, float* mel, float* f0, int frames, float scale) {
  if (scale == 1.0f) return;
  wavehax::HarmonicsFlattener flattener(model.features);
  for (int t = 0; t < frames; ++t) {
    flattener.flatten(mel + t * model.features.n_mels, f0[t]);
    f0[t] *= scale;
  }
}

// Voice is one stream from mels to sound, behind the voice_* functions. Each push gives F0 or has
// it predicted. If `scale` is not 1, F0 is multiplied by it and the mel loses its old harmonics.
struct Voice {
  Voice(const Model& model, std::uint64_t seed, float scale)
      : n_mels(model.features.n_mels),
        scale(scale),
        stream(model.engine, wavehax::Stream::kTile),
        flattener(model.features) {
    if (model.f0) f0 = std::make_unique<wavehax::F0Stream>(model.f0);
    stream.reset(seed);
  }

  int n_mels;
  float scale;
  wavehax::Stream stream;
  wavehax::HarmonicsFlattener flattener;
  std::unique_ptr<wavehax::F0Stream> f0;  // or null
  std::int64_t frames = 0;
};

}  // namespace

EXPORT const char* last_error() { return error.message; }

EXPORT Model* model_new(const void* data, std::uint32_t size) {
  return attempt(static_cast<Model*>(nullptr), WAVEHAX_ERROR_MODEL, [&] {
    wavehax::ModelFile file = wavehax::read_model_file(data, size);
    const wavehax::Kernels& kernels = wavehax::choose_kernels("auto");
    const double floor = file.config.features.log_floor;
    auto model = std::make_unique<Model>();
    model->features = file.config.features;
    model->config = std::move(file.config_text);
    model->engine = std::make_shared<const wavehax::Engine>(
        file.config.generator, wavehax::Weights(file.generator), kernels, wavehax::Precision::kFp32,
        floor);
    if (file.config.f0)
      model->f0 = std::make_shared<const wavehax::F0Predictor>(
          *file.config.f0, wavehax::Weights(file.f0), kernels, floor);
    return model.release();
  });
}

EXPORT void model_free(Model* model) { delete model; }

EXPORT const char* model_config(const Model* model) { return model->config.c_str(); }

// sample rate, hop length, bands, whether it streams, delay of a stream in samples, whether it
// predicts F0.
EXPORT void model_info(const Model* model, std::int32_t* info) {
  const wavehax::Engine& engine = *model->engine;
  const std::int32_t values[] = {
      engine.config.sample_rate, engine.config.hop_length, engine.config.n_mels,
      engine.streamable,         engine.delay(),           model->f0 != nullptr};
  std::copy(std::begin(values), std::end(values), info);
}

// f0 [frames] from a mel [frames][n_mels].
EXPORT int predict_f0(const Model* model, const float* mel, std::int32_t frames, float* f0) {
  if (check_mel(mel, frames, model->features.n_mels, 0, &error) != WAVEHAX_OK) return -1;
  return call([&] {
    wavehax::F0Stream(model->f0).push(view(mel, model->features.n_mels), frames, f0);
    return 0;
  });
}

// Whether F0 as the model predicts it can be had with these changes: 0, or -1.
EXPORT int check_predicted(const Model* model, float fixed, float scale) {
  return call([&] {
    wavehax::check_pitch({fixed, scale, false}, *model->f0);
    return 0;
  });
}

// wave [frames * hop] from a mel and an f0 that are both overwritten.
EXPORT int vocode(const Model* model, float* mel, float* f0, std::int32_t frames,
                  std::uint32_t seed_low, std::uint32_t seed_high, float scale, float* wave) {
  const int n_mels = model->features.n_mels;
  if (check_mel(mel, frames, n_mels, 0, &error) != WAVEHAX_OK ||
      check_f0(f0, frames, 0, &error) != WAVEHAX_OK)
    return -1;
  return call([&] {
    scale_f0(*model, mel, f0, frames, scale);
    if (check_f0(f0, frames, 0, &error) != WAVEHAX_OK)
      throw std::invalid_argument(std::string(error.message));
    wavehax::vocode(model->engine, view(mel, n_mels), f0, frames, seed(seed_low, seed_high),
                    nullptr, 1, wave);
    return 0;
  });
}

EXPORT Voice* voice_new(const Model* model, std::uint32_t seed_low, std::uint32_t seed_high,
                        float scale) {
  return make([&] {
    if (!model->engine->streamable)
      throw std::invalid_argument(
          "model cannot stream: its norm 'utterance' needs the whole utterance");
    return std::make_unique<Voice>(*model, seed(seed_low, seed_high), scale);
  });
}

EXPORT void voice_free(Voice* voice) { delete voice; }

EXPORT int voice_pending(const Voice* voice, std::int32_t frames) {
  return static_cast<int>(voice->stream.pending_push(frames));
}

// Takes frames [frames][n_mels] and f0 [frames], which are overwritten; f0 is predicted first where
// `predict` says so.
EXPORT int voice_push(Voice* voice, float* mel, float* f0, std::int32_t frames,
                      std::int32_t predict, float* wave) {
  if (check_mel(mel, frames, voice->n_mels, voice->frames, &error) != WAVEHAX_OK) return -1;
  if (!predict && check_f0(f0, frames, voice->frames, &error) != WAVEHAX_OK) return -1;
  if (predict) voice->f0->push(view(mel, voice->n_mels), frames, f0);
  for (int t = 0; t < frames && voice->scale != 1.0f; ++t) {
    voice->flattener.flatten(mel + t * voice->n_mels, f0[t]);
    f0[t] *= voice->scale;
  }
  if (check_f0(f0, frames, voice->frames, &error) != WAVEHAX_OK) return -1;
  voice->frames += frames;
  return static_cast<int>(voice->stream.push(view(mel, voice->n_mels), f0, frames, nullptr, wave));
}

EXPORT int voice_pending_flush(const Voice* voice) {
  return static_cast<int>(voice->stream.pending_flush());
}

EXPORT int voice_flush(Voice* voice, float* wave) {
  return static_cast<int>(voice->stream.flush(nullptr, wave));
}

EXPORT void voice_reset(Voice* voice, std::uint32_t seed_low, std::uint32_t seed_high) {
  voice->stream.reset(seed(seed_low, seed_high));
  if (voice->f0) voice->f0->reset();
  voice->frames = 0;
}

EXPORT wavehax::MelStream* mel_new(const Model* model) {
  return make([&] { return std::make_unique<wavehax::MelStream>(model->features); });
}

EXPORT void mel_free(wavehax::MelStream* mel) { delete mel; }

EXPORT int mel_delay(const wavehax::MelStream* mel) { return mel->delay(); }

// Returns the number of frames that the next `samples` will complete; for -1, those that the end of
// the recording will.
EXPORT int mel_pending(const wavehax::MelStream* mel, std::int32_t samples) {
  return static_cast<int>(samples < 0 ? mel->pending_flush() : mel->pending_push(samples));
}

EXPORT int mel_push(wavehax::MelStream* mel, const float* audio, std::int32_t samples,
                    float* frames) {
  return static_cast<int>(mel->push(audio, samples, frames));
}

EXPORT int mel_flush(wavehax::MelStream* mel, float* frames) {
  return static_cast<int>(mel->flush(frames));
}

EXPORT wavehax::Revoice* revoice_new(const Model* model, std::uint32_t seed_low,
                                     std::uint32_t seed_high) {
  return make(
      [&] { return std::make_unique<wavehax::Revoice>(*model, seed(seed_low, seed_high)); });
}

EXPORT void revoice_free(wavehax::Revoice* revoice) { delete revoice; }

EXPORT int revoice_set(wavehax::Revoice* revoice, const Model* model, float fixed, float scale,
                       std::int32_t whisper) {
  return call([&] {
    const wavehax::Pitch pitch{fixed, scale, whisper != 0};
    wavehax::check_pitch(pitch, *model->f0);
    revoice->set(pitch);
    return 0;
  });
}

// Returns the number of output samples that the next `samples` of input will complete; for -1, the
// most that the end of the recording will.
EXPORT int revoice_pending(const wavehax::Revoice* revoice, std::int32_t samples) {
  return static_cast<int>(samples < 0 ? revoice->pending_flush() : revoice->pending_push(samples));
}

EXPORT int revoice_push(wavehax::Revoice* revoice, const float* audio, std::int32_t samples,
                        float* out) {
  return static_cast<int>(revoice->push(audio, samples, out));
}

EXPORT int revoice_flush(wavehax::Revoice* revoice, float* out) {
  return static_cast<int>(revoice->flush(out));
}

EXPORT wavehax::Live* live_new(const Model* model, std::uint32_t seed_low, std::uint32_t seed_high,
                               std::int32_t block) {
  return make(
      [&] { return std::make_unique<wavehax::Live>(*model, seed(seed_low, seed_high), block); });
}

EXPORT wavehax::Revoice* live_revoice(wavehax::Live* live) { return &live->revoice(); }

EXPORT float* live_input(wavehax::Live* live) { return live->input(); }

EXPORT const float* live_output(const wavehax::Live* live) { return live->output(); }

EXPORT void live_process(wavehax::Live* live) { live->process(); }

EXPORT int live_delay(const wavehax::Live* live) { return live->delay(); }

EXPORT int live_capacity(const wavehax::Live* live) { return live->capacity(); }

EXPORT int live_underruns(const wavehax::Live* live) { return static_cast<int>(live->underruns()); }

EXPORT void* memory_new(std::uint32_t size) {
  return attempt(static_cast<void*>(nullptr), WAVEHAX_ERROR_ARGUMENT,
                 [&] { return ::operator new(size); });
}

EXPORT void memory_free(void* block) { ::operator delete(block); }
