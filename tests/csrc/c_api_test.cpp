// The C interface: pushing allocates nothing, and every mistake has its status and message. Prints
// one line per failure, then "N passed, M failed".
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "../../csrc/fuzz/model_writer.h"
#include "allocations.h"
#include "tally.h"
#include "wavehax.h"

namespace {

constexpr int kFrames = 40;
wavehax_error error;

// Checks a status and that its message contains `words`.
void expect(wavehax_status status, wavehax_status expected, const char* words) {
  check(status == expected && std::strstr(error.message, words) != nullptr,
        std::string(words) + ": status " + std::to_string(status) + ", " + error.message);
  error.message[0] = '\0';
}

wavehax_model* load(const wavehax::Config& config, bool with_f0) {
  const wavehax::F0Config f0 = {config.n_mels, 3, 2, 3, 5, 55.0, 25.0};
  const std::string file = wavehax::model_file(config, with_f0 ? &f0 : nullptr, 1);
  wavehax_model* model = nullptr;
  check(wavehax_model_load_memory(file.data(), file.size(), nullptr, &model, &error) == WAVEHAX_OK,
        error.message);
  return model;
}

wavehax::Config small_config() {
  wavehax::Config config = wavehax::smallest_config();
  config.n_mels = 5;
  config.kernel_bins = config.kernel_frames = 3;
  config.time_padding = "reflect";
  config.prior = "sawtooth";
  return config;
}

struct Utterance {
  std::vector<float> mel, f0, wave;
  explicit Utterance(int n_mels) : mel(kFrames * n_mels, 0.5f), f0(kFrames, 100.0f), wave(1000) {}
};

void test_allocations(bool predicted) {
  wavehax_model* model = load(small_config(), predicted);
  wavehax_stream* stream = nullptr;
  check(wavehax_stream_new(model, 3, &stream, &error) == WAVEHAX_OK, "a stream");
  wavehax_model_free(model);  // a stream outlives its model
  Utterance u(5);
  std::int64_t samples = 0;
  const auto scale = [&](double f0_scale, double formant_scale) {
    return wavehax_stream_scale(stream, f0_scale, formant_scale, &error);
  };
  allocations = 0;
  counting = true;
  for (int round = 0; round < 2; ++round) {
    scale(1.5, round == 0 ? 1.0 : 0.7);
    for (int t = 0; t < kFrames; t += 8)
      wavehax_stream_push(stream, u.mel.data() + 5 * t, predicted ? nullptr : u.f0.data() + t, 8,
                          u.wave.data(), 1000, &samples, &error);
    u.mel[3] = NAN;
    wavehax_stream_push(stream, u.mel.data(), u.f0.data(), 1, u.wave.data(), 1000, &samples,
                        &error);
    u.mel[3] = 0.5f;
    wavehax_stream_flush(stream, u.wave.data(), 1000, &samples, &error);
    wavehax_stream_reset(stream, 4, &error);
  }
  counting = false;
  check(allocations == 0, "streaming allocates nothing");
  wavehax_stream_free(stream);
}

void test_allocations_of_mels() {
  wavehax_model* model = load(small_config(), false);
  wavehax_mel_stream* stream = nullptr;
  check(wavehax_mel_stream_new(model, &stream, &error) == WAVEHAX_OK, "a stream of mels");
  wavehax_model_free(model);  // a stream outlives its model
  const std::vector<float> audio(50, 0.1f);
  std::vector<float> mel(5 * 60);
  std::int64_t frames = 0;
  allocations = 0;
  counting = true;
  for (int round = 0; round < 2; ++round) {
    for (int size : {1, 0, 50, 7})
      wavehax_mel_stream_push(stream, audio.data(), size, mel.data(), 60, &frames, &error);
    wavehax_mel_stream_flush(stream, mel.data(), 60, &frames, &error);
    wavehax_mel_stream_reset(stream, &error);
  }
  counting = false;
  check(allocations == 0, "mels of a stream allocate nothing");
  wavehax_mel_stream_free(stream);
}

void test_mistakes_of_mels() {
  wavehax_model* model = load(small_config(), false);
  wavehax_mel_stream* stream = reinterpret_cast<wavehax_mel_stream*>(&error);
  std::vector<float> audio(50, 0.1f), mel(5 * 60);
  std::int64_t frames = 0;
  wavehax_features features = {};
  expect(wavehax_model_features(nullptr, &features, &error), WAVEHAX_ERROR_ARGUMENT,
         "model is null");
  expect(wavehax_model_features(model, nullptr, &error), WAVEHAX_ERROR_ARGUMENT,
         "features is null");
  expect(wavehax_model_features(model, &features, &error), WAVEHAX_ERROR_ARGUMENT,
         "features.size is 0");
  const auto whole = [&](const float* sound, std::int64_t samples, float* to) {
    return wavehax_log_mel(model, sound, samples, to, &error);
  };
  expect(whole(nullptr, 50, mel.data()), WAVEHAX_ERROR_ARGUMENT, "audio is null");
  expect(whole(audio.data(), -1, mel.data()), WAVEHAX_ERROR_ARGUMENT, "samples is -1");
  expect(whole(audio.data(), INT64_MAX, mel.data()), WAVEHAX_ERROR_ARGUMENT, "2**50");
  expect(whole(audio.data(), 1, mel.data()), WAVEHAX_ERROR_ARGUMENT, "at least one hop of 2");
  expect(whole(audio.data(), 50, nullptr), WAVEHAX_ERROR_ARGUMENT, "mel is null");
  expect(wavehax_log_mel(nullptr, audio.data(), 50, mel.data(), &error), WAVEHAX_ERROR_ARGUMENT,
         "model is null");
  expect(wavehax_mel_stream_new(nullptr, &stream, &error), WAVEHAX_ERROR_ARGUMENT, "model is null");
  check(stream == nullptr, "no stream without a model");
  expect(wavehax_mel_stream_new(model, nullptr, &error), WAVEHAX_ERROR_ARGUMENT, "stream is null");
  check(wavehax_mel_stream_new(model, &stream, &error) == WAVEHAX_OK, "a stream of mels");
  const auto push = [&](const float* sound, std::int64_t samples, float* to, std::int64_t room) {
    return wavehax_mel_stream_push(stream, sound, samples, to, room, &frames, &error);
  };
  expect(push(nullptr, 2, mel.data(), 60), WAVEHAX_ERROR_ARGUMENT, "audio is null");
  expect(push(audio.data(), 50, mel.data(), 3), WAVEHAX_ERROR_ARGUMENT,
         "capacity is 3: expected room for");
  expect(push(audio.data(), 50, nullptr, 60), WAVEHAX_ERROR_ARGUMENT, "mel is null");
  check(push(audio.data(), 50, mel.data(), 60) == WAVEHAX_OK && frames > 3, "frames");
  audio[7] = NAN;
  expect(push(audio.data(), 10, mel.data(), 60), WAVEHAX_ERROR_ARGUMENT,
         "audio is nan in sample 57");
  expect(wavehax_mel_stream_flush(stream, mel.data(), 0, &frames, &error), WAVEHAX_ERROR_ARGUMENT,
         "capacity is 0");
  check(wavehax_mel_stream_flush(stream, mel.data(), 60, &frames, &error) == WAVEHAX_OK, "flush");
  expect(wavehax_mel_stream_flush(stream, mel.data(), 60, &frames, &error), WAVEHAX_ERROR_STATE,
         "flushed");
  expect(wavehax_mel_stream_reset(nullptr, &error), WAVEHAX_ERROR_ARGUMENT, "stream is null");
  expect(wavehax_stream_scale(nullptr, 1.0, 1.0, &error), WAVEHAX_ERROR_ARGUMENT, "stream is null");
  wavehax_mel_stream_free(stream);
  wavehax_mel_stream_free(nullptr);
  wavehax_model_free(model);
}

void test_mistakes_of_loading() {
  const wavehax::Config config = small_config();
  const std::string file = wavehax::model_file(config, nullptr, 1);
  wavehax_model* model = reinterpret_cast<wavehax_model*>(&error);
  const wavehax_load_options isa = {sizeof isa, "sse9", nullptr},
                             precision = {sizeof precision, nullptr, "int1"};
  expect(wavehax_model_load(nullptr, nullptr, &model, &error), WAVEHAX_ERROR_ARGUMENT,
         "path is null");
  check(model == nullptr, "no model without a path");
  expect(wavehax_model_load("x", nullptr, nullptr, &error), WAVEHAX_ERROR_ARGUMENT,
         "model is null");
  expect(wavehax_model_load("missing", nullptr, &model, &error), WAVEHAX_ERROR_MODEL,
         "no such file");
  check(model == nullptr, "no model after a failure");
  // A path too long for the system fails like a file in a folder that may not be read: the message
  // must not say that it does not exist.
  const std::string too_long(5000, 'a');
  expect(wavehax_model_load(too_long.c_str(), nullptr, &model, &error), WAVEHAX_ERROR_MODEL,
         "cannot be read: ");
  expect(wavehax_model_load(".", nullptr, &model, &error), WAVEHAX_ERROR_MODEL, "not a file");
  expect(wavehax_model_load_memory(nullptr, 3, nullptr, &model, &error), WAVEHAX_ERROR_ARGUMENT,
         "data is null");
  expect(wavehax_model_load_memory("", 0, nullptr, &model, &error), WAVEHAX_ERROR_MODEL,
         "truncated");
  expect(wavehax_model_load_memory(file.data(), file.size(), &isa, &model, &error),
         WAVEHAX_ERROR_ARGUMENT, "isa='sse9'");
  expect(wavehax_model_load_memory(file.data(), file.size(), &precision, &model, &error),
         WAVEHAX_ERROR_ARGUMENT, "precision='int1'");
  expect(wavehax_model_load_memory(file.data(), file.size() - 4, nullptr, &model, nullptr),
         WAVEHAX_ERROR_MODEL, "");
}

// Structs of callers that were compiled with an earlier or a later header.
struct LaterLoadOptions {
  wavehax_load_options known;
  void* added;
};
struct LaterVocodeOptions {
  wavehax_vocode_options known;
  double added;
};
struct LaterInfo {
  wavehax_info known;
  const char* added;
};

void test_sizes_of_structs() {
  const std::string file = wavehax::model_file(small_config(), nullptr, 1);
  wavehax_model* model = nullptr;
  const auto load = [&](const LaterLoadOptions& options) {
    wavehax_model_free(model);
    return wavehax_model_load_memory(file.data(), file.size(), &options.known, &model, &error);
  };
  expect(load({{sizeof(LaterLoadOptions), nullptr, nullptr}, &error}), WAVEHAX_ERROR_ARGUMENT,
         "options has a member at byte 2");
  expect(load({{0, nullptr, nullptr}, nullptr}), WAVEHAX_ERROR_ARGUMENT, "options.size is 0");
  expect(load({{sizeof(wavehax_load_options) - 1, nullptr, nullptr}, nullptr}),
         WAVEHAX_ERROR_ARGUMENT, "options.size is");
  check(model == nullptr, "no model of options that are refused");
  check(load({{sizeof(LaterLoadOptions), "portable", "bf16"}, nullptr}) == WAVEHAX_OK,
        "unknown members may be zero");

  LaterInfo info;
  std::memset(&info, 0xff, sizeof info);
  info.known.size = sizeof info;
  check(wavehax_model_info(model, &info.known, &error) == WAVEHAX_OK, error.message);
  check(info.known.size == sizeof info && info.added == nullptr,
        "unknown members of info become zero");
  check(std::string(info.known.isa) == "portable" && std::string(info.known.precision) == "bf16",
        "options are heeded");
  info.known.size = sizeof(wavehax_info);
  info.added = "left alone";
  check(wavehax_model_info(model, &info.known, &error) == WAVEHAX_OK && info.added != nullptr,
        "nothing behind info is written");
  info.known.size = sizeof(wavehax_info) - 1;
  expect(wavehax_model_info(model, &info.known, &error), WAVEHAX_ERROR_ARGUMENT, "info.size is");

  Utterance u(5);
  std::vector<float> other(u.wave.size());
  const auto vocode = [&](const wavehax_vocode_options* options, float* wave) {
    return wavehax_vocode(model, u.mel.data(), u.f0.data(), kFrames, options, wave, &error);
  };
  LaterVocodeOptions later = {{sizeof later, 0, 0}, 0.0};
  check(vocode(nullptr, u.wave.data()) == WAVEHAX_OK &&
            vocode(&later.known, other.data()) == WAVEHAX_OK,
        error.message);
  check(u.wave == other, "zeros are the defaults");
  later.known.seed = 1;
  check(vocode(&later.known, other.data()) == WAVEHAX_OK && u.wave != other, "the seed is heeded");
  later.added = 1.0;
  expect(vocode(&later.known, other.data()), WAVEHAX_ERROR_ARGUMENT,
         "options has a member at byte ");
  later.known.size = 8;
  expect(vocode(&later.known, other.data()), WAVEHAX_ERROR_ARGUMENT, "options.size is 8");
  wavehax_model_free(model);
}

void test_mistakes_of_vocoding() {
  wavehax_model* model = load(small_config(), false);
  Utterance u(5);
  const auto vocode = [&](const float* mel, const float* f0, std::int64_t frames,
                          std::int64_t threads, float* wave) {
    const wavehax_vocode_options options = {sizeof options, 0, threads};
    return wavehax_vocode(model, mel, f0, frames, &options, wave, &error);
  };
  const float *mel = u.mel.data(), *f0 = u.f0.data();
  float* wave = u.wave.data();
  expect(wavehax_vocode(nullptr, mel, f0, 1, nullptr, wave, &error), WAVEHAX_ERROR_ARGUMENT,
         "model is null");
  expect(vocode(nullptr, f0, 1, 1, wave), WAVEHAX_ERROR_ARGUMENT, "mel is null");
  expect(vocode(mel, f0, 0, 1, wave), WAVEHAX_ERROR_ARGUMENT, "frames is 0");
  expect(vocode(mel, f0, -1, 1, wave), WAVEHAX_ERROR_ARGUMENT, "frames is -1");
  expect(vocode(mel, f0, INT64_MAX, 1, wave), WAVEHAX_ERROR_ARGUMENT, "2**40");
  expect(vocode(mel, f0, 1, -1, wave), WAVEHAX_ERROR_ARGUMENT, "threads is -1");
  expect(vocode(mel, f0, 1, 1, nullptr), WAVEHAX_ERROR_ARGUMENT, "wave is null");
  expect(vocode(mel, nullptr, 1, 1, wave), WAVEHAX_ERROR_ARGUMENT, "does not predict it");
  expect(wavehax_predict_f0(model, mel, 1, wave, &error), WAVEHAX_ERROR_ARGUMENT,
         "does not predict F0");
  u.mel[5 * 7 + 3] = -INFINITY;
  expect(vocode(mel, f0, 8, 1, wave), WAVEHAX_ERROR_ARGUMENT, "mel is -inf in band 3 of frame 7");
  u.f0[4] = 0.5f;
  expect(vocode(mel, f0, 6, 1, wave), WAVEHAX_ERROR_ARGUMENT, "f0 is 0.5 in frame 4");
  expect(wavehax_model_info(model, nullptr, &error), WAVEHAX_ERROR_ARGUMENT, "info is null");
  check(wavehax_model_config(nullptr) == nullptr, "no configuration of no model");
  wavehax_model_free(model);
  wavehax_model_free(nullptr);
}

void test_mistakes_of_streaming() {
  wavehax::Config whole = small_config();
  whole.norm = "utterance";
  wavehax_model *model = load(whole, false), *with_f0 = load(small_config(), true);
  wavehax_stream* stream = nullptr;
  Utterance u(5);
  std::int64_t samples = 0;
  expect(wavehax_stream_new(model, 0, &stream, &error), WAVEHAX_ERROR_ARGUMENT, "cannot stream");
  expect(wavehax_stream_push(nullptr, nullptr, nullptr, 0, nullptr, 0, &samples, &error),
         WAVEHAX_ERROR_ARGUMENT, "stream is null");
  wavehax_stream_new(with_f0, 0, &stream, &error);
  const auto push = [&](const float* f0, std::int64_t frames, std::int64_t capacity) {
    return wavehax_stream_push(stream, u.mel.data(), f0, frames, u.wave.data(), capacity, &samples,
                               &error);
  };
  check(push(u.f0.data(), 0, 0) == WAVEHAX_OK && samples == 0, "no frames, no samples");
  wavehax_model* without_f0 = load(small_config(), false);
  wavehax_stream* unpredicted = nullptr;
  check(wavehax_stream_new(without_f0, 0, &unpredicted, &error) == WAVEHAX_OK,
        "a stream that needs F0");
  check(wavehax_stream_push(unpredicted, nullptr, nullptr, 0, nullptr, 0, &samples, &error) ==
                WAVEHAX_OK &&
            samples == 0,
        "no frames need no F0");
  wavehax_stream_free(unpredicted);
  wavehax_model_free(without_f0);
  expect(push(u.f0.data(), kFrames, 3), WAVEHAX_ERROR_ARGUMENT, "capacity is 3: expected room for");
  check(push(u.f0.data(), 3, 1000) == WAVEHAX_OK, "frames with F0");
  check(push(nullptr, 0, 1000) == WAVEHAX_OK && samples == 0, "no frames between those with F0");
  expect(push(nullptr, 1, 1000), WAVEHAX_ERROR_ARGUMENT, "f0 is null from frame 3 on");
  u.f0[1] = NAN;
  expect(push(u.f0.data(), 2, 1000), WAVEHAX_ERROR_ARGUMENT, "f0 is nan in frame 4");
  check(wavehax_stream_flush(stream, u.wave.data(), 1000, &samples, &error) == WAVEHAX_OK, "flush");
  expect(wavehax_stream_flush(stream, u.wave.data(), 1000, &samples, &error), WAVEHAX_ERROR_STATE,
         "flushed");
  expect(push(u.f0.data(), 1, 1000), WAVEHAX_ERROR_STATE, "flushed");
  check(wavehax_stream_reset(stream, 0, nullptr) == WAVEHAX_OK, "reset");
  check(push(nullptr, 3, 1000) == WAVEHAX_OK, "frames without F0");
  u.f0[1] = 1.0f;
  expect(push(u.f0.data(), 1, 1000), WAVEHAX_ERROR_ARGUMENT, "f0 is given from frame 3 on");
  wavehax_stream_free(stream);
  wavehax_stream_free(nullptr);
  wavehax_model_free(model);
  wavehax_model_free(with_f0);
}

}  // namespace

int main() {
  test_allocations(false);
  test_allocations(true);
  test_allocations_of_mels();
  test_mistakes_of_mels();
  test_mistakes_of_loading();
  test_sizes_of_structs();
  test_mistakes_of_vocoding();
  test_mistakes_of_streaming();
  return report();
}
