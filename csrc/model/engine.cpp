#include "engine.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <type_traits>

#include "../kernels/cpu.h"

namespace wavehax {
namespace {

std::unique_ptr<FilterBank> make_filter_bank(const Config& config, Weights& weights) {
  const int streams = config.num_streams;
  if (streams == 1) return nullptr;
  const bool wavelet = config.stream_filter == "dwt";
  const int taps = wavelet ? streams : kFilterTaps;
  const FilterBorder border = config.stream_filter == "pqmf" ? FilterBorder::kMute
                              : wavelet || config.causal()   ? FilterBorder::kZeros
                                                             : FilterBorder::kReflect;
  const float* analysis = weights.take("filter_bank.analysis.weight", {streams, 1, taps});
  const float* synthesis = weights.take("filter_bank.synthesis.weight", {1, streams, taps});
  return std::make_unique<FilterBank>(streams, taps, wavelet, border, analysis, synthesis);
}

}  // namespace

std::vector<Precision> available_precisions(const Kernels& kernels) {
  std::vector<Precision> precisions = {Precision::kFp32, Precision::kBf16};
  const auto tiles = tile_kernels(kernels);
  if (!tiles.empty())
    precisions.insert(faster(*tiles[0], kernels) ? precisions.end() : precisions.begin(),
                      Precision::kMixed);
  return precisions;
}

Precision choose_precision(const std::string& name, const Kernels& kernels) {
  // These two come first, so that the system is not asked for tiles that nobody wants.
  for (const Precision precision : {Precision::kFp32, Precision::kBf16})
    if (name == precision_name(precision)) return precision;
  const std::vector<Precision> available = available_precisions(kernels);
  if (name == "auto") return available.back();
  std::string names;
  for (const Precision precision : available) {
    if (name == precision_name(precision)) return precision;
    names += (names.empty() ? "" : ", ") + std::string(precision_name(precision));
  }
  throw std::invalid_argument("precision='" + name +
                              "': expected 'auto' or one that this machine has with isa '" +
                              kernels.isa + "': " + names);
}

const char* precision_name(Precision precision) {
  return precision == Precision::kFp32 ? "fp32" : precision == Precision::kBf16 ? "bf16" : "mixed";
}

Engine::Engine(const Config& c, Weights weights, const Kernels& kernels_, Precision precision_,
               double log_floor)
    : kernels(kernels_),
      precision(precision_),
      config(checked(c)),
      causal(c.causal()),
      centred(c.centred()),
      excitation(c.excitation()),
      streamable(c.norm != "utterance" && c.outer_norm != "utterance"),
      prior(prior_kind(c.prior)),
      bins(c.n_fft / 2 + 1),
      padded_channels(padded(c.channels)),
      mirrored_bins(c.kernel_bins / 2),
      look_right(causal ? c.lookahead : c.projection_taps / 2),
      prior_right(c.has_prior_proj() ? look_right : 0),
      block_right(causal ? 0 : c.kernel_frames / 2),
      stft(c.n_fft, c.stream_hop()),
      excitation_gain(prior_rms(prior) * std::sqrt(stft.window_energy())),
      mel_floor(wavehax::mel_floor(log_floor)) {
  const float* mean = weights.take("mel_mean", {c.n_mels});
  const float* scale = weights.take("mel_scale", {c.n_mels});
  mel_mean.assign(mean, mean + c.n_mels);
  mel_scale.assign(scale, scale + c.n_mels);
  const auto silent = static_cast<float>(std::log(log_floor) + kFloorTolerance);
  for (int k = 0; k < c.n_mels; ++k) silence.push_back((silent - mel_mean[k]) / mel_scale[k]);
  const int streams = c.num_streams;
  filter_bank = make_filter_bank(c, weights);
  take_projections(weights);
  if (excitation)
    env_proj =
        std::make_unique<Projection>(weights, "env_proj", bins, c.n_mels, 1, Precision::kFp32);
  const NormKind outer = norm_kind("outer_norm", c.outer_norm), inner = norm_kind("norm", c.norm);
  input = std::make_unique<InputLayer>(weights, c.planes(), c.channels, outer);
  const BlockSize size = {c.channels, c.channels * c.mult_channels, c.kernel_bins, c.kernel_frames,
                          bins};
  for (int i = 0; i < c.num_blocks; ++i)
    blocks.emplace_back(weights, "blocks." + std::to_string(i), inner, size);
  output = std::make_unique<OutputLayer>(weights, 2 * streams, c.channels, outer);
  weights.check_all_taken();
  if (precision != Precision::kFp32) weights.check_bf16();
  for (const Block& block : blocks)
    if (tiles) tiles->blocks.emplace_back(block);
}

void Engine::take_projections(Weights& weights) {
  const int streams = config.num_streams;
  const auto take = [&](auto& projection, const char* name, int outputs, int inputs,
                        auto... options) {
    using Layer = typename std::remove_reference_t<decltype(projection)>::value_type;
    projection = by_tap<Layer>(weights, name, outputs, inputs, config.projection_taps, options...);
  };
  if (precision == Precision::kMixed) {
    tiles.reset(new TileLayers{*tile_kernels(kernels).front(), {}, {}, {}});
    if (config.has_prior_proj()) take(tiles->prior_proj, "prior_proj", bins, bins);
    take(tiles->cond_proj, "cond_proj", streams * bins, config.n_mels);
  } else {
    if (config.has_prior_proj()) take(prior_proj, "prior_proj", bins, bins, precision);
    take(cond_proj, "cond_proj", streams * bins, config.n_mels, precision);
  }
}

// Half a window and the part of the filters that looks ahead are each bounded by the whole; 2
// covers the two roundings down.
int Engine::spectrum_lag() const {
  const int taps = filter_bank ? filter_bank->taps() : 0;
  return (config.n_fft * config.num_streams + taps + Prior::lag(prior)) / config.hop_length + 2;
}

// The spectra of the prior reach back by as many frames as they lag, and the overlap-add does too:
// hence twice the lag.
int Engine::history() const {
  return config.num_blocks * block_left() + config.projection_taps - 1 - look_right +
         2 * spectrum_lag();
}

// Follows the stages of Stream in their order, from the samples or frames that a stage has ready to
// those that the next one has.
std::int64_t Engine::samples_after(std::int64_t frames) const {
  const auto behind = [](std::int64_t count, std::int64_t lag) {
    return std::max<std::int64_t>(0, count - lag);
  };
  std::int64_t samples = behind(frames * config.hop_length, Prior::lag(prior));
  if (filter_bank) samples = filter_bank->analysed(samples);
  const std::int64_t spectra = stft.complete(samples);
  const std::int64_t projected = std::min(behind(frames, look_right), behind(spectra, prior_right));
  const std::int64_t predicted = behind(projected, latency());
  samples = behind(predicted * stft.hop_length(), stft.margin());
  return behind(filter_bank ? filter_bank->synthesised(samples) : samples, margin());
}

int Engine::delay() const {
  // More frames than any stage needs to start: from here on every frame completes a hop. 2 *
  // kMaxProjectionTaps, 4 * n_fft and 2 * kFilterTaps are generous bounds for the projections, the
  // windows and the filters.
  const std::int64_t frames =
      latency() + 2 * kMaxProjectionTaps + 4 * config.n_fft + 2 * kFilterTaps;
  return static_cast<int>(frames * config.hop_length - samples_after(frames));
}

}  // namespace wavehax
