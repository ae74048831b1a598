// Models and whole utterances of the C interface: checks and errors; no arithmetic. Like
// wavehax/vocoder.py for Python. stream.cpp has the streams.
#include "wavehax.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "../kernels/cpu.h"
#include "../model/engine.h"
#include "../voice/f0.h"
#include "../voice/vocode.h"
#include "checks.h"
#include "model.h"
#include "model_file.h"

using wavehax::check_f0;
using wavehax::check_mel;
using wavehax::check_scaled_f0;
using wavehax::check_size;
using wavehax::fail;
using wavehax::guarded;
using wavehax::no_predictor;
using wavehax::null_argument;
using wavehax::read_options;
using wavehax::read_scales;
using wavehax::view;

namespace {

constexpr std::int64_t kMaxThreads = 1 << 16;  // no utterance is long enough for more

template <typename... Source>
wavehax_status load(const wavehax_load_options* given, wavehax_model** model, wavehax_error* error,
                    Source... source) {
  wavehax_load_options options;
  if (const wavehax_status status = read_options(given, options, error)) return status;
  const wavehax::Kernels* kernels = nullptr;
  wavehax::Precision precision{};
  const wavehax_status status = guarded(error, WAVEHAX_ERROR_ARGUMENT, [&] {
    kernels = &wavehax::choose_kernels(options.isa == nullptr ? "auto" : options.isa);
    precision = wavehax::choose_precision(options.precision == nullptr ? "fp32" : options.precision,
                                          *kernels);
  });
  if (status != WAVEHAX_OK) return status;
  return guarded(error, WAVEHAX_ERROR_MODEL, [&] {
    wavehax::ModelFile file = wavehax::read_model_file(source...);
    const double floor = file.config.features.log_floor;
    auto result = std::make_unique<wavehax_model>();
    result->features = file.config.features;
    result->config = std::move(file.config_text);
    result->engine = std::make_shared<const wavehax::Engine>(
        file.config.generator, wavehax::Weights(file.generator), *kernels, precision, floor);
    if (file.config.f0)
      result->f0 = std::make_shared<const wavehax::F0Predictor>(
          *file.config.f0, wavehax::Weights(file.f0), *kernels, floor);
    *model = result.release();
  });
}

}  // namespace

const char* wavehax_version(void) { return WAVEHAX_VERSION; }

const char* wavehax_available_isas(void) try {
  static const std::string names = [] {
    std::string joined;
    for (const std::string& isa : wavehax::available_isas())
      joined += (joined.empty() ? "" : ",") + isa;
    return joined;
  }();
  return names.c_str();
} catch (const std::exception&) {
  // There is no memory for the names.
  return "portable";
}

wavehax_status wavehax_model_load(const char* path, const wavehax_load_options* options,
                                  wavehax_model** model, wavehax_error* error) {
  if (model == nullptr) return null_argument(error, "model");
  *model = nullptr;
  if (path == nullptr) return null_argument(error, "path");
  return load(options, model, error, path);
}

wavehax_status wavehax_model_load_memory(const void* data, size_t size,
                                         const wavehax_load_options* options, wavehax_model** model,
                                         wavehax_error* error) {
  if (model == nullptr) return null_argument(error, "model");
  *model = nullptr;
  if (data == nullptr) return null_argument(error, "data");
  return load(options, model, error, data, size);
}

void wavehax_model_free(wavehax_model* model) { delete model; }

wavehax_status wavehax_model_info(const wavehax_model* model, wavehax_info* info,
                                  wavehax_error* error) {
  if (model == nullptr) return null_argument(error, "model");
  if (info == nullptr) return null_argument(error, "info");
  const std::size_t size = info->size;
  if (const wavehax_status status = check_size(size, sizeof *info, "info", error)) return status;
  const wavehax::Engine& engine = *model->engine;
  const wavehax::Config& config = engine.config;
  // Also clears members that a later version has added.
  std::memset(info, 0, size);
  *info = {size,
           config.sample_rate,
           config.hop_length,
           config.n_mels,
           engine.streamable,
           engine.delay(),
           model->f0 != nullptr,
           engine.kernels.isa,
           wavehax::precision_name(engine.precision)};
  return WAVEHAX_OK;
}

const char* wavehax_model_config(const wavehax_model* model) {
  return model == nullptr ? nullptr : model->config.c_str();
}

wavehax_status wavehax_vocode(const wavehax_model* model, const float* mel, const float* f0,
                              int64_t frames, const wavehax_vocode_options* given, float* wave,
                              wavehax_error* error) {
  if (model == nullptr) return null_argument(error, "model");
  wavehax_vocode_options options;
  if (const wavehax_status status = read_options(given, options, error)) return status;
  wavehax::Scales scales;
  if (const wavehax_status status =
          read_scales(options.f0_scale, options.formant_scale, scales, error))
    return status;
  const int n_mels = model->engine->config.n_mels;
  if (const wavehax_status status = check_mel(mel, frames, n_mels, 0, error)) return status;
  if (const wavehax_status status = check_f0(f0, frames, 0, error)) return status;
  if (frames == 0) return fail(error, WAVEHAX_ERROR_ARGUMENT, "frames is 0: expected at least one");
  if (options.threads < 0)
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "threads is %lld: expected 0 or more",
                static_cast<long long>(options.threads));
  if (wave == nullptr) return null_argument(error, "wave");
  if (f0 == nullptr && !model->f0) return no_predictor(error);
  if (const wavehax_status status = f0 == nullptr ? check_scaled_f0(*model->f0, scales, error)
                                                  : check_scaled_f0(f0, frames, 0, scales, error))
    return status;
  const auto threads = static_cast<int>(std::clamp<std::int64_t>(options.threads, 1, kMaxThreads));
  return guarded(error, WAVEHAX_ERROR_ARGUMENT, [&] {
    std::vector<float> pitch, changed;  // in place of what is given
    if (f0 == nullptr) {
      pitch.resize(static_cast<std::size_t>(frames));
      wavehax::F0Stream(model->f0).push(view(mel, n_mels), frames, pitch.data());
    }
    if (scales.changes()) {
      if (f0 != nullptr) pitch.assign(f0, f0 + frames);
      changed.assign(mel, mel + frames * n_mels);
      wavehax::Scaler scaler(model->features);
      scaler.set(scales);
      for (std::int64_t t = 0; t < frames; ++t)
        pitch[t] = scaler.apply(changed.data() + t * n_mels, pitch[t]);
    }
    wavehax::vocode(model->engine, view(changed.empty() ? mel : changed.data(), n_mels),
                    pitch.empty() ? f0 : pitch.data(), frames, options.seed, nullptr, threads,
                    wave);
  });
}

wavehax_status wavehax_predict_f0(const wavehax_model* model, const float* mel, int64_t frames,
                                  float* f0, wavehax_error* error) {
  if (model == nullptr) return null_argument(error, "model");
  if (!model->f0) return fail(error, WAVEHAX_ERROR_ARGUMENT, "model does not predict F0");
  const int n_mels = model->engine->config.n_mels;
  if (const wavehax_status status = check_mel(mel, frames, n_mels, 0, error)) return status;
  if (f0 == nullptr && frames > 0) return null_argument(error, "f0");
  return guarded(error, WAVEHAX_ERROR_ARGUMENT,
                 [&] { wavehax::F0Stream(model->f0).push(view(mel, n_mels), frames, f0); });
}
