#include "engine.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <type_traits>

#include "../kernels/cpu.h"
#include "../kernels/parallel.h"
#include "../voice/stream.h"

namespace wavehax {
namespace {

constexpr double kMaxVoice = 1 << 27;  // float32 values that a voice may keep, 512 MB

template <typename T>
T choose(const char* field, const std::string& value, std::initializer_list<std::pair<const char*, T>> choices) {
  for (const auto& choice : choices)
    if (value == choice.first) return choice.second;
  throw std::invalid_argument(std::string(field) + "='" + value + "' is not known to the engine");
}

NormKind norm_kind(const char* field, const std::string& value) {
  return choose<NormKind>(
      field, value, {{"utterance", NormKind::kUtterance}, {"frame", NormKind::kFrame}, {"batch", NormKind::kBatch}});
}

PriorKind prior_kind(const std::string& value) {
  return choose<PriorKind>("prior", value,
                           {{"pcph", PriorKind::kPcph},
                            {"pcph_linear_decay", PriorKind::kPcphLinearDecay},
                            {"sine", PriorKind::kSine},
                            {"sawtooth", PriorKind::kSawtooth},
                            {"noise", PriorKind::kNoise}});
}

bool is_causal(const Config& c) {
  return choose<bool>("time_padding", c.time_padding, {{"causal", true}, {"reflect", false}});
}

bool is_centred(const Config& c) {
  return choose<bool>("frame_alignment", c.frame_alignment, {{"centre", true}, {"same", false}});
}

bool is_excitation(const Config& c) {
  return choose<bool>("output", c.output, {{"excitation", true}, {"spectrum", false}});
}

void check_sizes(const Config& c) {
  const bool positive = c.n_mels > 0 && c.channels > 0 && c.mult_channels > 0 && c.num_blocks > 0 && c.hop_length > 0 &&
                        c.n_fft > 0 && c.sample_rate > 0 && c.num_streams > 0 && c.kernel_bins > 0 && c.kernel_frames > 0;
  if (!positive) throw std::invalid_argument("config: every size must be positive");
  if (c.kernel_bins % 2 == 0 || c.kernel_frames % 2 == 0) throw std::invalid_argument("kernel_size: expected odd numbers");
  const int hop = c.hop_length / c.num_streams;
  if (c.hop_length % c.num_streams != 0 || hop % 2 != 0 || c.n_fft % 2 != 0 || c.n_fft / 2 < hop)
    throw std::invalid_argument("n_fft: expected an even number of at least twice the hop of one stream, which is even too");
  if (c.kernel_bins / 2 > c.n_fft / 2) throw std::invalid_argument("kernel_size: more bins than the spectrum has");
  if (c.lookahead < 0 || c.lookahead >= kProjectionTaps) throw std::invalid_argument("lookahead: expected 0 to 6");
  if (static_cast<std::int64_t>(c.channels) * c.mult_channels > kMaxExpanded)
    throw std::invalid_argument("channels * mult_channels: expected at most " + std::to_string(kMaxExpanded));
  // At most this is in a row of TileShape or VectorNetwork, the spectra and the mel of a frame; a block keeps kernel_frames and a
  // tile, the mel also what a window of n_fft reaches back. In double: nothing overflows.
  const double bins = c.n_fft / 2 + 1.0, row = (1.5 * bins + c.kernel_bins + 53) * (c.channels + 15.0);
  const double frame = row + (2.0 * c.num_streams + 1) * (bins + 15) + c.n_mels + 15;
  if (((c.num_blocks + 1.0) * (c.kernel_frames + 16.0) + c.n_fft / hop) * frame > kMaxVoice)
    throw std::invalid_argument("config: a voice would keep more than 2^27 values");
}

std::unique_ptr<FilterBank> make_filter_bank(const Config& config, bool causal, Weights& weights) {
  const int streams = config.num_streams;
  if (streams == 1) return nullptr;
  const bool wavelet = config.stream_filter == "dwt";
  const int taps = wavelet ? streams : kFilterTaps;
  const FilterBorder border = choose<FilterBorder>("stream_filter", config.stream_filter,
                                                   {{"learned", causal ? FilterBorder::kZeros : FilterBorder::kReflect},
                                                    {"pqmf", FilterBorder::kMute},
                                                    {"dwt", FilterBorder::kZeros}});
  const float* analysis = weights.take("filter_bank.analysis.weight", {streams, 1, taps});
  const float* synthesis = weights.take("filter_bank.synthesis.weight", {1, streams, taps});
  return std::make_unique<FilterBank>(streams, taps, wavelet, border, analysis, synthesis);
}

}  // namespace

const Config& checked(const Config& c) {
  check_sizes(c);
  prior_kind(c.prior);
  norm_kind("norm", c.norm);
  norm_kind("outer_norm", c.outer_norm);
  choose<bool>("stream_filter", c.stream_filter, {{"learned", true}, {"pqmf", true}, {"dwt", true}});
  if (c.lookahead > 0 && !is_causal(c)) throw std::invalid_argument("lookahead: only with time_padding='causal'");
  if ((is_excitation(c) || c.use_logmag_phase) && c.num_streams > 1)
    throw std::invalid_argument("num_streams: expected 1 with excitation or log-magnitudes");
  if (is_excitation(c) && c.use_logmag_phase) throw std::invalid_argument("use_logmag_phase: expected false with excitation");
  if (c.num_streams > 1 && c.stream_filter == "dwt" && (c.num_streams & (c.num_streams - 1)) != 0)
    throw std::invalid_argument("num_streams: a wavelet packet needs a power of two");
  return c;
}

std::vector<std::string> available_precisions(const Kernels& kernels) {
  std::vector<std::string> names = {"fp32", "bf16"};
  if (tile_kernels(kernels) != nullptr) names.push_back("mixed");
  return names;
}

Precision choose_precision(const std::string& name, const Kernels& kernels) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16})  // without asking for tiles that nobody wants
    if (name == precision_name(precision)) return precision;
  const std::vector<std::string> names = available_precisions(kernels);
  const std::string wanted = name == "auto" ? names.back() : name;
  std::string list;
  for (const Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kMixed}) {
    if (static_cast<std::size_t>(precision) >= names.size()) break;
    if (wanted == precision_name(precision)) return precision;
    list += std::string(list.empty() ? "" : ", ") + precision_name(precision);
  }
  throw std::invalid_argument("precision='" + name + "': expected 'auto' or one that this machine has with isa '" + kernels.isa +
                              "': " + list);
}

const char* precision_name(Precision precision) {
  return precision == Precision::kFp32 ? "fp32" : precision == Precision::kBf16 ? "bf16" : "mixed";
}

Engine::Engine(const Config& c, Weights weights, const Kernels& kernels_, Precision precision_, double log_floor)
    : kernels(kernels_),
      precision(precision_),
      config(checked(c)),
      causal(is_causal(c)),
      centred(is_centred(c)),
      excitation(is_excitation(c)),
      streamable(c.norm != "utterance" && c.outer_norm != "utterance"),
      prior(prior_kind(c.prior)),
      bins(c.n_fft / 2 + 1),
      width(padded(c.channels)),
      mirrored(c.kernel_bins / 2),
      look_right(causal ? c.lookahead : kProjectionTaps / 2),
      block_right(causal ? 0 : c.kernel_frames / 2),
      stft(c.n_fft, c.hop_length / c.num_streams),
      excitation_gain(prior_rms(prior) * std::sqrt(stft.window_energy())),
      mel_floor(wavehax::mel_floor(log_floor)) {
  const float* mean = weights.take("mel_mean", {c.n_mels});
  const float* scale = weights.take("mel_scale", {c.n_mels});
  mel_mean.assign(mean, mean + c.n_mels);
  mel_scale.assign(scale, scale + c.n_mels);
  const auto silent = static_cast<float>(std::log(log_floor) + kFloorTolerance);
  for (int k = 0; k < c.n_mels; ++k) silence.push_back((silent - mel_mean[k]) / mel_scale[k]);
  const int streams = c.num_streams, planes = streams == 1 ? 5 : 3 * streams;
  filter_bank = make_filter_bank(c, causal, weights);
  take_projections(weights);
  if (excitation) env_proj = std::make_unique<Projection>(weights, "env_proj", bins, c.n_mels, 1, Precision::kFp32);
  const NormKind outer = norm_kind("outer_norm", c.outer_norm), inner = norm_kind("norm", c.norm);
  input = std::make_unique<InputLayer>(weights, planes, c.channels, outer);
  const BlockSize size = {c.channels, c.channels * c.mult_channels, c.kernel_bins, c.kernel_frames, bins};
  for (int i = 0; i < c.num_blocks; ++i) blocks.emplace_back(weights, "blocks." + std::to_string(i), inner, size);
  output = std::make_unique<OutputLayer>(weights, 2 * streams, c.channels, outer);
  weights.check_all_taken();
  if (precision != Precision::kFp32) weights.check_bf16();
  for (const Block& block : blocks)
    if (tiles) tiles->blocks.emplace_back(block);
}

void Engine::take_projections(Weights& weights) {
  const int streams = config.num_streams;
  const auto take = [&](auto& projection, const char* name, int outputs, int inputs, auto... options) {
    using Layer = typename std::remove_reference_t<decltype(projection)>::value_type;
    projection = by_tap<Layer>(weights, name, outputs, inputs, kProjectionTaps, options...);
  };
  if (precision == Precision::kMixed) {
    tiles.reset(new TileLayers{*tile_kernels(kernels), {}, {}, {}});
    if (streams == 1) take(tiles->prior_proj, "prior_proj", bins, bins);
    take(tiles->cond_proj, "cond_proj", streams * bins, config.n_mels);
  } else {
    if (streams == 1) take(prior_proj, "prior_proj", bins, bins, precision);
    take(cond_proj, "cond_proj", streams * bins, config.n_mels, precision);
  }
}

// Half a window, and filters that look ahead.
int Engine::spectrum_lag() const {
  const int taps = filter_bank ? filter_bank->taps() : 0;
  return (config.n_fft * config.num_streams + taps + Prior::lag(prior)) / config.hop_length + 2;
}

// The spectra of the prior reach back as far as they lag, and so does the overlap-add.
int Engine::history() const {
  return config.num_blocks * block_left() + kProjectionTaps - 1 - look_right + 2 * spectrum_lag();
}

// The stages of Stream, in their order: what each has ready once `frames` frames have come and more may follow.
std::int64_t Engine::samples_after(std::int64_t frames) const {
  const auto behind = [](std::int64_t count, std::int64_t lag) { return std::max<std::int64_t>(0, count - lag); };
  std::int64_t samples = behind(frames * config.hop_length, Prior::lag(prior));
  if (filter_bank) samples = filter_bank->analysed(samples);
  const std::int64_t spectra = stft.complete(samples);
  const std::int64_t projected = filter_bank ? std::min(spectra, behind(frames, look_right)) : behind(spectra, look_right);
  const std::int64_t predicted = behind(projected, latency());
  samples = behind(predicted * stft.hop(), stft.pad());
  return behind(filter_bank ? filter_bank->synthesised(samples) : samples, margin());
}

int Engine::delay() const {
  const std::int64_t frames = latency() + 2 * kProjectionTaps + 4 * config.n_fft + 2 * kFilterTaps;  // past every start-up
  return static_cast<int>(frames * config.hop_length - samples_after(frames));
}

namespace {

constexpr std::int64_t kLeastShared = 32;  // frames of a block worth a thread: a millisecond or more

// Bounds of the spans of hops that threads compute, each of about the same cost. All but the first also compute the history of
// their first hop, of which the blocks need half on average. Spans shorter than twice the history are not worth a thread.
std::vector<std::int64_t> spans(const Engine& engine, std::int64_t frames, int threads) {
  const std::int64_t history = engine.history(), extra = history / 2;
  const std::int64_t count = std::clamp<std::int64_t>(engine.streamable ? frames / (2 * history) : 1, 1, threads);
  const std::int64_t cost = (frames + (count - 1) * extra) / count;
  std::vector<std::int64_t> bounds = {0};
  for (std::int64_t i = 1; i < count; ++i) bounds.push_back(i * (cost - extra) + extra);
  bounds.push_back(frames);
  return bounds;
}

}  // namespace

void vocode(std::shared_ptr<const Engine> engine, MelView mel, const float* f0, std::int64_t frames, std::uint64_t seed,
            const float* prior, int threads, float* out) {
  const std::vector<std::int64_t> bounds = spans(*engine, frames, threads);
  // A norm over the utterance needs every frame at once; all other models pass through in tiles, as a stream does.
  const std::int64_t tile = engine->streamable ? Stream::kTile : frames + 1;
  const auto run = [&](long i) {
    const std::int64_t first = std::max<std::int64_t>(0, bounds[i] - engine->history());
    Stream stream(engine, tile);
    if (!engine->streamable) stream.share(static_cast<int>(std::min<std::int64_t>(threads, frames / kLeastShared + 1)));
    stream.reset(seed);
    stream.enter(f0, first, bounds[i], bounds[i + 1]);
    float *to = out + bounds[i] * engine->config.hop_length, *end = out + bounds[i + 1] * engine->config.hop_length;
    for (std::int64_t t = first; t < frames && to < end; t += tile)
      to += stream.push(mel.from(t), f0 + t, std::min(tile, frames - t),
                        prior == nullptr ? nullptr : prior + t * engine->config.hop_length, to);
    if (to < end) stream.flush(prior == nullptr ? nullptr : prior + frames * engine->config.hop_length, to);
  };
  parallel(static_cast<long>(bounds.size()) - 1, threads, [&] { return run; });
}

void vocode_prior(const Engine& engine, const float* f0, std::int64_t frames, std::uint64_t seed, bool noise, float* out) {
  const int hop = engine.config.hop_length;
  Prior prior(engine.kernels, engine.prior, hop, engine.config.sample_rate, engine.excitation);
  SampleBuffer samples(2 * hop + 2 * Prior::lag(engine.prior));
  prior.reset(seed, noise);
  const std::int64_t hops = frames > 0 ? engine.prior_length(frames) / hop : 0;
  for (std::int64_t t = 0; t <= hops; ++t) {
    if (t < hops)
      prior.push(f0[std::min(t, frames - 1)], samples);
    else
      prior.finish(samples);
    out = std::copy_n(samples.from(samples.begin()), samples.end() - samples.begin(), out);
    samples.drop(samples.end());
  }
}

}  // namespace wavehax
