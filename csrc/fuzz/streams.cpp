// Reads bytes as a small configuration and a sequence of calls. The model must load. Whatever is
// called in whatever order, a stream must give the samples of the whole utterance bit for bit, or
// an error that leaves it as it was.
#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "bytes.h"
#include "model_writer.h"
#include "wavehax.h"

namespace {

constexpr int kMaxFrames = 32;  // most frames of an utterance
constexpr int kMaxCalls = 64;

wavehax::Config read_config(Bytes& bytes) {
  wavehax::Config c{};
  c.num_streams = bytes.pick({1, 1, 1, 2, 4, 3});
  const int hop = bytes.pick({2, 4, 6, 10});
  c.hop_length = hop * c.num_streams;
  c.n_fft = hop * bytes.pick({2, 3, 4, 7});
  c.n_mels = bytes.pick({1, 2, 5});
  c.channels = bytes.pick({1, 1, 2, 7, 17});
  c.mult_channels = bytes.pick({1, 3});
  c.kernel_bins = bytes.pick({1, 3, c.n_fft / 4 * 2 + 1});
  c.kernel_frames = bytes.pick({1, 1, 3, 7});
  c.num_blocks = bytes.pick({1, 1, 3});
  c.sample_rate = bytes.pick({7, 8000, 24000, 768000});
  c.prior = bytes.pick({"pcph", "pcph_linear_decay", "sine", "sawtooth", "noise"});
  c.norm = bytes.pick({"frame", "batch", "batch", "utterance"});
  c.outer_norm = bytes.pick({"frame", "batch", c.norm.c_str()});
  c.time_padding = bytes.pick({"causal", "reflect"});
  c.frame_alignment = bytes.pick({"same", "centre"});
  c.projection_taps =
      c.causal() ? 1 + bytes.below(wavehax::kMaxProjectionTaps) : bytes.pick({1, 3, 7});
  c.prior_projection = bytes.below(2) == 1;
  c.lookahead = c.causal() ? bytes.below(c.projection_taps) : 0;
  c.output = c.num_streams == 1 ? bytes.pick({"spectrum", "excitation"}) : "spectrum";
  c.use_logmag_phase = c.num_streams == 1 && c.output == "spectrum" && bytes.below(2) == 1;
  c.stream_filter = bytes.pick({"learned", "pqmf", c.num_streams == 3 ? "pqmf" : "dwt"});
  return c;
}

float read_f0(Bytes& bytes) {
  return bytes.pick(
      {0.0f, 1.0f, 55.0f, 100.0f, 440.0f, 12000.0f, 1e6f, std::numeric_limits<float>::max()});
}

float read_bad_value(Bytes& bytes) {
  return bytes.pick({std::numeric_limits<float>::quiet_NaN(),
                     std::numeric_limits<float>::infinity(),
                     -std::numeric_limits<float>::infinity()});
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// A voice, its input and its output since the last reset.
class Voice {
 public:
  Voice(const wavehax_model* model, const wavehax_info& info, std::uint64_t seed)
      : model_(model), info_(info), seed_(seed) {
    const wavehax_status status = wavehax_stream_new(model, seed, &stream_, nullptr);
    require((status == WAVEHAX_OK) == (info.streamable == 1),
            "a model streams if and only if it says so");
  }
  ~Voice() { wavehax_stream_free(stream_); }
  Voice(const Voice&) = delete;
  Voice& operator=(const Voice&) = delete;

  void call(Bytes& bytes) {
    switch (bytes.below(18)) {
      case 0:
        return flush();
      case 1:
        return reset(static_cast<std::uint64_t>(bytes.byte()) << 56 | 1);
      case 2:
        return push_bad(bytes);
      case 3:
        return push_into_little_room();
      case 4:
        return scale(bytes);
      default:
        return push(bytes);
    }
  }

  void flush() {
    std::vector<float> wave(static_cast<std::size_t>(info_.delay));
    std::int64_t samples = -1;
    const wavehax_status status =
        wavehax_stream_flush(stream_, wave.data(), info_.delay, &samples, nullptr);
    if (stream_ == nullptr) return require(status == WAVEHAX_ERROR_ARGUMENT, "null is refused");
    require(status == (flushed_ ? WAVEHAX_ERROR_STATE : WAVEHAX_OK),
            "a stream is flushed once, into `delay` samples");
    if (flushed_) return;
    flushed_ = true;
    wave_.insert(wave_.end(), wave.begin(), wave.begin() + samples);
    require(wave_.size() == static_cast<std::size_t>(frames_) * info_.hop_length,
            "every frame gives its hop");
    compare();
  }

 private:
  void reset(std::uint64_t seed) {
    if (wavehax_stream_reset(stream_, seed, nullptr) != WAVEHAX_OK)
      return require(stream_ == nullptr, "reset is always allowed");
    seed_ = seed;
    mel_.clear();
    f0_.clear();
    wave_.clear();
    frames_ = 0;
    flushed_ = false;
  }

  // Sets other scales. They hold for the whole utterance, so that only the first frame follows
  // them.
  void scale(Bytes& bytes) {
    const double f0_scale = bytes.pick(
                     {0.0, 0.5, 1.0, 3.0, -1.0, std::numeric_limits<double>::infinity()}),
                 formant_scale = bytes.pick(
                     {0.0, 0.5, 1.3, 2.0, 2.1, std::numeric_limits<double>::quiet_NaN()});
    if (frames_ > 0) return;
    const bool good = f0_scale >= 0.0 && f0_scale <= 3.0 && formant_scale <= 2.0;
    const wavehax_status status = wavehax_stream_scale(stream_, f0_scale, formant_scale, nullptr);
    require(status == (good && stream_ != nullptr ? WAVEHAX_OK : WAVEHAX_ERROR_ARGUMENT),
            "scales are taken if they are in range");
    if (status != WAVEHAX_OK) return;
    f0_scale_ = f0_scale;
    formant_scale_ = formant_scale;
  }

  void push(Bytes& bytes) {
    const std::int64_t frames =
        std::min(bytes.pick({0, 1, 1, 1, 2, 3, 8, 9, 11}), kMaxFrames - frames_);
    const bool predicted = frames_ == 0 ? bytes.below(2) == 1 : predicted_;
    std::vector<float> mel(static_cast<std::size_t>(frames * info_.n_mels)),
        f0(predicted ? 0 : static_cast<std::size_t>(frames));
    const float level = bytes.pick({0.1f, 1.0f, 5.0f}), held = read_f0(bytes);
    for (float& value : mel) value = static_cast<float>(bytes.byte() - 128) / 64.0f * level;
    for (float& value : f0) value = bytes.below(8) == 0 ? read_f0(bytes) : held;
    const std::int64_t room = frames * info_.hop_length;
    std::vector<float> wave(static_cast<std::size_t>(room));
    std::int64_t samples = -1;
    const bool scaled_away = std::any_of(f0.begin(), f0.end(), [&](float value) {
      const double made = f0_scale_ == 0.0 ? value : value * f0_scale_;
      return value != 0.0f && !(made >= 1.0 && made <= std::numeric_limits<float>::max());
    });
    const wavehax_status status = wavehax_stream_push(
        stream_, mel.data(), predicted ? nullptr : (f0.empty() ? &held : f0.data()), frames,
        wave.data(), room, &samples, nullptr);
    if (stream_ == nullptr || (frames > 0 && predicted && !info_.predicts_f0 && !flushed_))
      return require(status == WAVEHAX_ERROR_ARGUMENT, "what is missing is refused");
    if (scaled_away && !flushed_ && !(predicted_ && frames_ > 0))
      return require(status == WAVEHAX_ERROR_ARGUMENT, "F0 that is scaled away is refused");
    require(status == (flushed_ ? WAVEHAX_ERROR_STATE : WAVEHAX_OK),
            "frames are taken, with room for a hop each");
    if (flushed_) return;
    if (frames > 0) predicted_ = predicted;
    frames_ += static_cast<int>(frames);
    mel_.insert(mel_.end(), mel.begin(), mel.end());
    f0_.insert(f0_.end(), f0.begin(), f0.end());
    wave_.insert(wave_.end(), wave.begin(), wave.begin() + samples);
    require(wave_.size() ==
                static_cast<std::size_t>(std::max(0, frames_ * info_.hop_length - info_.delay)),
            "the delay is exact");
  }

  void push_bad(Bytes& bytes) {
    std::vector<float> mel(static_cast<std::size_t>(info_.n_mels), 0.5f),
        wave(static_cast<std::size_t>(info_.hop_length));
    float f0 = 100.0f;
    if (bytes.below(2) == 0)
      mel[static_cast<std::size_t>(bytes.below(info_.n_mels))] = read_bad_value(bytes);
    else
      f0 = bytes.below(2) == 0 ? read_bad_value(bytes) : bytes.pick({-1.0f, 0.5f, -0.001f});
    std::int64_t samples = -1;
    const wavehax_status status = wavehax_stream_push(stream_, mel.data(), &f0, 1, wave.data(),
                                                      info_.hop_length, &samples, nullptr);
    require(status == (flushed_ ? WAVEHAX_ERROR_STATE : WAVEHAX_ERROR_ARGUMENT),
            "values of no use are refused");
  }

  void push_into_little_room() {
    const std::vector<float> mel(static_cast<std::size_t>(kMaxFrames) * info_.n_mels, 0.5f),
        f0(kMaxFrames, 100.0f);
    std::int64_t samples = -1;
    float wave = 0.0f;
    for (const std::int64_t frames : {std::int64_t{-1}, std::int64_t{1} << 62})
      require(wavehax_stream_push(stream_, mel.data(), f0.data(), frames, &wave, 1, &samples,
                                  nullptr) != WAVEHAX_OK,
              "absurd numbers of frames are refused");
    if (kMaxFrames * info_.hop_length > info_.delay + 1)
      require(wavehax_stream_push(stream_, mel.data(), f0.data(), kMaxFrames, &wave, 1, &samples,
                                  nullptr) != WAVEHAX_OK,
              "too little room is refused");
  }

  void compare() const {
    std::vector<float> whole(wave_.size());
    const float* f0 = predicted_ ? nullptr : f0_.data();
    if (frames_ == 0) return;
    const wavehax_vocode_options options = {sizeof options, seed_, 1 + frames_ % 3, f0_scale_,
                                            formant_scale_};
    require(wavehax_vocode(model_, mel_.data(), f0, frames_, &options, whole.data(), nullptr) ==
                WAVEHAX_OK,
            "what streams can be computed whole");
    require(same_bits(whole, wave_), "a stream gives the samples of the whole utterance");
  }

  const wavehax_model* model_;
  const wavehax_info info_;
  std::uint64_t seed_;
  wavehax_stream* stream_ = nullptr;
  std::vector<float> mel_, f0_, wave_;
  int frames_ = 0;
  double f0_scale_ = 0.0, formant_scale_ = 0.0;
  bool flushed_ = false, predicted_ = false;
};

}  // namespace

namespace {

// The mel of a recording in pieces is that of the whole one.
void check_mels(const wavehax_model* model, const wavehax_info& info, Bytes& bytes) {
  std::vector<float> audio(static_cast<std::size_t>(bytes.below(200)));
  for (float& sample : audio) sample = static_cast<float>(bytes.byte() - 128) / 128.0f;
  const auto samples = static_cast<std::int64_t>(audio.size());
  const std::int64_t frames = wavehax_mel_frames(model, samples);
  const auto room = static_cast<std::size_t>(frames * info.n_mels);
  std::vector<float> whole(room), pieces(room);
  const wavehax_status status =
      wavehax_log_mel(model, audio.data(), samples, whole.data(), nullptr);
  require(status == (frames == 0 ? WAVEHAX_ERROR_ARGUMENT : WAVEHAX_OK),
          "a recording of one frame or more has a mel");
  wavehax_mel_stream* stream = nullptr;
  require(wavehax_mel_stream_new(model, &stream, nullptr) == WAVEHAX_OK, "a stream of mels");
  std::int64_t done = 0, count = 0, at = 0;
  while (at < samples) {
    const std::int64_t size = std::min<std::int64_t>(1 + bytes.below(60), samples - at);
    require(
        wavehax_mel_stream_push(stream, audio.data() + at, size, pieces.data() + done * info.n_mels,
                                frames - done, &count, nullptr) == WAVEHAX_OK,
        "sound is taken");
    at += size;
    done += count;
  }
  require(wavehax_mel_stream_flush(stream, pieces.data() + done * info.n_mels, frames - done,
                                   &count, nullptr) == WAVEHAX_OK,
          "a stream of mels ends");
  require(done + count == frames, "a stream of mels gives all frames");
  require(frames == 0 || same_bits(whole, pieces), "pieces give the mel of the whole recording");
  wavehax_mel_stream_free(stream);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  const wavehax::Config config = read_config(bytes);
  const wavehax::F0Config f0 = {config.n_mels,
                                bytes.pick({1, 3, 17}),
                                bytes.pick({1, 2, 3}),
                                bytes.pick({1, 2, 3}),
                                bytes.pick({1, 5, 40}),
                                55.0,
                                25.0};
  const std::string file = wavehax::model_file(config, bytes.below(2) == 1 ? &f0 : nullptr,
                                               static_cast<std::uint32_t>(bytes.byte()));
  wavehax_model* model = nullptr;
  const char* precision = bytes.pick({"fp32", "bf16", "auto", "mixed"});
  const char* isa = bytes.pick<const char*>({nullptr, "portable"});
  const wavehax_load_options options = {sizeof options, isa, precision};
  require(
      wavehax_model_load_memory(file.data(), file.size(), &options, &model, nullptr) == WAVEHAX_OK,
      "a valid model loads");
  wavehax_info info = {};
  info.size = sizeof info;
  wavehax_model_info(model, &info, nullptr);
  {
    Voice voice(model, info, 5);
    for (int i = 0; i < kMaxCalls && !bytes.empty(); ++i) voice.call(bytes);
    voice.flush();
  }
  check_mels(model, info, bytes);
  wavehax_model_free(model);
  return 0;
}
