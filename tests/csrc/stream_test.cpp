// Streams of random models of every kind, chunked and whole, for the sanitizers and the assertions
// of buffers.h. Also checks that the audio path allocates nothing. Prints one line per failure,
// then "N passed, M failed".
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../../csrc/capi/model_config.h"
#include "../../csrc/kernels/cpu.h"
#include "../../csrc/model/engine.h"
#include "../../csrc/voice/f0.h"
#include "../../csrc/voice/stream.h"
#include "../../csrc/voice/vocode.h"
#include "allocations.h"
#include "tally.h"

namespace {

using wavehax::Config;
using wavehax::Engine;

// Some values of a random mel are below this floor, and some frames of one band are silent.
constexpr double kLogFloor = 0.5;

std::mt19937 rng(3);

int pick(std::initializer_list<int> choices) { return *(choices.begin() + rng() % choices.size()); }
std::string pick(std::initializer_list<const char*> choices) {
  return *(choices.begin() + rng() % choices.size());
}

Config random_config() {
  Config c{};
  c.num_streams = pick({1, 1, 2, 4, 8});
  const int hop = pick({2, 4, 10, 24});
  c.hop_length = hop * c.num_streams;
  c.n_fft = hop * pick({2, 3, 4, 9, 16});
  c.n_mels = pick({1, 5, 17});
  c.channels = pick({1, 7, 16, 33});
  c.mult_channels = pick({1, 3});
  c.kernel_bins = pick({1, 3, c.n_fft / 2 % 2 == 0 ? c.n_fft / 2 + 1 : c.n_fft / 2});
  c.kernel_frames = pick({1, 3, 7, 15});
  c.num_blocks = pick({1, 2, 5});
  c.sample_rate = pick({7, 8000, 24000});
  c.prior = pick({"pcph", "pcph_linear_decay", "sine", "sawtooth", "noise"});
  c.norm = pick({"utterance", "frame", "batch"});
  c.outer_norm = pick({"frame", "batch", c.norm.c_str()});
  c.time_padding = pick({"causal", "reflect"});
  c.frame_alignment = pick({"same", "centre"});
  c.lookahead = c.time_padding == "causal" ? pick({0, 2, 6}) : 0;
  c.output = c.num_streams == 1 ? pick({"spectrum", "excitation"}) : "spectrum";
  c.prior_projection = pick({0, 1}) == 1;
  c.use_logmag_phase = c.num_streams == 1 && c.output == "spectrum" && pick({0, 1}) == 1;
  c.stream_filter = pick({"learned", "pqmf", "dwt"});
  return c;
}

// Returns tensors of the shapes given with random values, which `values` holds.
std::map<std::string, wavehax::Tensor> random_tensors(const wavehax::Shapes& shapes, float least,
                                                      float most,
                                                      std::vector<std::vector<float>>& values) {
  std::map<std::string, wavehax::Tensor> tensors;
  std::uniform_real_distribution<float> uniform(least, most);
  for (const auto& [name, shape] : shapes) {
    std::size_t size = 1;
    for (const long n : shape) size *= static_cast<std::size_t>(n);
    values.emplace_back(size);
    for (float& v : values.back()) v = uniform(rng);
    tensors[name] = {shape, values.back().data()};
  }
  return tensors;
}

std::shared_ptr<const Engine> random_engine(const Config& config, const wavehax::Kernels& kernels,
                                            wavehax::Precision precision) {
  std::vector<std::vector<float>> values;
  const auto tensors = random_tensors(wavehax::parameter_shapes(config), 0.05f, 0.3f, values);
  return std::make_shared<const Engine>(config, wavehax::Weights(tensors), kernels, precision,
                                        kLogFloor);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  bool same = true;
  for (std::size_t n = 0; n < a.size(); ++n)
    same = same && (a[n] == b[n] || (std::isnan(a[n]) && std::isnan(b[n])));
  return same;
}

void test_model(const Config& config, const wavehax::Kernels& kernels,
                wavehax::Precision precision) {
  const auto engine = random_engine(config, kernels, precision);
  const int frames = pick({0, 1, 2, 5, 40, 90});
  std::vector<float> mel(static_cast<std::size_t>(frames) * config.n_mels), f0(frames);
  for (float& v : mel) v = static_cast<float>(rng() % 1000) * 1e-3f;
  for (float& v : f0) v = static_cast<float>(pick({0, 1, 100, 440, 100000}));
  const wavehax::MelView view = {mel.data(), frames, 1};
  const std::size_t total = static_cast<std::size_t>(frames) * config.hop_length;
  std::vector<float> whole(total), streamed(total);
  wavehax::vocode(engine, view, f0.data(), frames, 5, nullptr, 1, whole.data());
  wavehax::vocode(engine, view, f0.data(), frames, 5, nullptr, 3, streamed.data());
  check(same_bits(streamed, whole), "threads give the samples of one");
  if (!engine->streamable) return;
  wavehax::Stream stream(engine, wavehax::Stream::kTile);
  for (int run = 0; run < 2; ++run) {  // the second run follows a reset
    stream.reset(5);
    float* out = streamed.data();
    allocations = 0;
    counting = true;
    bool lengths = true;
    for (int at = 0; at < frames;) {
      const int count = std::min(pick({0, 1, 3, 8, 20}), frames - at);
      const std::int64_t expected = stream.pending_push(count);
      const std::int64_t got = stream.push(view.from(at), f0.data() + at, count, nullptr, out);
      lengths = lengths && got == expected;
      out += got;
      at += count;
    }
    out += stream.flush(nullptr, out);
    counting = false;
    check(allocations == 0, "push and flush allocate nothing");
    check(lengths && out == streamed.data() + total, "push returns as many samples as it said");
    check(same_bits(streamed, whole), "chunks give the samples of the whole utterance");
  }
}

std::shared_ptr<wavehax::F0Predictor> random_predictor(const wavehax::F0Config& config,
                                                       const wavehax::Kernels& kernels) {
  std::vector<std::vector<float>> values;
  const auto tensors = random_tensors(wavehax::f0_parameter_shapes(config), 0.1f, 0.9f, values);
  return std::make_shared<wavehax::F0Predictor>(config, wavehax::Weights(tensors), kernels,
                                                kLogFloor);
}

void test_f0(const wavehax::Kernels& kernels) {
  const wavehax::F0Config config = {pick({1, 7, 100}),
                                    pick({1, 16, 33}),
                                    pick({1, 3, 5}),
                                    pick({1, 2, 3, 7}),
                                    pick({1, 5, 40}),
                                    55.0,
                                    25.0};
  const int frames = pick({0, 1, 9, 90});
  std::vector<float> mel(static_cast<std::size_t>(frames) * config.n_mels), whole(frames),
      streamed(frames);
  for (float& v : mel) v = static_cast<float>(rng() % 1000) * 1e-3f;
  const wavehax::MelView view = {mel.data(), frames, 1};
  wavehax::F0Stream stream(random_predictor(config, kernels));
  allocations = 0;
  counting = true;
  stream.push(view, frames, whole.data());
  stream.reset();
  for (int at = 0; at < frames;) {
    const int count = std::min(pick({0, 1, 3, 8, 20}), frames - at);
    stream.push(view.from(at), count, streamed.data() + at);
    at += count;
  }
  counting = false;
  check(allocations == 0, "predicting F0 allocates nothing");
  check(streamed == whole, "chunks give the F0 of the whole utterance");
}

}  // namespace

int main(int argc, char** argv) {
  const int models = argc > 1 ? std::atoi(argv[1]) : 100;
  for (const std::string& isa : wavehax::available_isas())
    for (int i = 0; i < models; ++i) {
      const wavehax::Kernels& kernels = wavehax::choose_kernels(isa);
      const auto precisions = wavehax::available_precisions(kernels);
      test_model(random_config(), kernels,
                 precisions[static_cast<std::size_t>(i) % precisions.size()]);
      test_f0(kernels);
    }
  return report();
}
