// A model ready to run: checked, packed, immutable, shared by any number of voices and threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../signal/prior.h"
#include "../signal/stft.h"
#include "config.h"
#include "filter_bank.h"
#include "inputs.h"
#include "layers.h"
#include "tile_layers.h"

namespace wavehax {

// Returns the precisions that this machine offers with `kernels`, slowest first.
std::vector<Precision> available_precisions(const Kernels& kernels);

// Returns the precision of this name; "auto" is the fastest available. Throws std::invalid_argument
// for a name that is not available.
Precision choose_precision(const std::string& name, const Kernels& kernels);
const char* precision_name(Precision precision);

struct Engine {
  // `log_floor` is the least magnitude that the model's mel describes (features.log_floor), or 0 if
  // its mel has no floor. Throws std::invalid_argument for a config that describes no model, and
  // for weights that do not fit the config.
  Engine(const Config& config, Weights weights, const Kernels& kernels, Precision precision,
         double log_floor);

  const Kernels& kernels;
  const Precision precision;
  const Config config;
  const bool causal, centred, excitation, streamable;
  const PriorKind prior;
  const int bins;             // bins of the spectrum of one stream: n_fft / 2 + 1
  const int padded_channels;  // channels, padded to kLane
  const int mirrored_bins;    // bins added at both ends of a frame for the depthwise kernel
  const int look_right;       // frames that prior_proj and cond_proj look ahead
  const int prior_right;      // frames of the prior's spectrum needed ahead: 0 without prior_proj
  const int block_right;      // frames that a block looks ahead
  const Stft stft;            // the transform of one stream
  // RMS of the prior's spectrum. The excitation domain divides the spectrum by it.
  const double excitation_gain;

  const float mel_floor;  // Smaller values of the mel are raised to this one.
  Floats mel_mean, mel_scale;
  Floats silence;  // [n_mels], the largest normalised mel that still counts as silence
  std::unique_ptr<FilterBank> filter_bank;  // null for one stream
  // The taps of the two projections over time. Both are empty in mixed precision, prior_proj also
  // where the model has none.
  std::vector<Projection> prior_proj, cond_proj;
  std::unique_ptr<Projection> env_proj;  // null outside the excitation domain
  std::unique_ptr<InputLayer> input;
  std::vector<Block> blocks;
  std::unique_ptr<OutputLayer> output;
  std::unique_ptr<TileLayers> tiles;  // projections and blocks in mixed precision, otherwise null

  // What a convolution over time sees beyond the utterance.
  Border border() const { return causal ? Border::kZeros : Border::kReflect; }
  // Returns the floats of a frame of the projected mel, all streams.
  int cond_columns() const { return padded(config.num_streams * bins); }
  // Returns the samples of prior that `frames` frames take.
  std::int64_t prior_length(std::int64_t frames) const {
    return (frames + centred) * config.hop_length;
  }
  // Returns the samples by which the hop of frame 0 begins before sample 0.
  int margin() const { return centred ? config.hop_length / 2 : 0; }
  // Returns the frames that all blocks together look ahead.
  int latency() const { return config.num_blocks * block_right; }
  // Returns the frames that a block looks back.
  int block_left() const { return config.kernel_frames - 1 - block_right; }
  // Returns the frames by which the spectrum of the prior lags behind the mel, rounded up.
  int spectrum_lag() const;
  // Returns how many frames before a hop its samples may depend on, the phase of the prior aside.
  int history() const;
  // Returns the output samples that are complete after `frames` frames, if more frames may follow.
  std::int64_t samples_after(std::int64_t frames) const;
  // Returns the samples by which the output of a stream lags behind the frames given.
  int delay() const;

 private:
  void take_projections(Weights& weights);
};

}  // namespace wavehax
