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

// Names of the precisions that this machine has with these kernels.
std::vector<std::string> available_precisions(const Kernels& kernels);

// One of them; "auto" is the fastest. Throws std::invalid_argument for another name.
Precision choose_precision(const std::string& name, const Kernels& kernels);
const char* precision_name(Precision precision);

struct Engine {
  // `log_floor`: the least magnitude that the model's mel describes (features.log_floor), or 0 where it has none.
  // Throws std::invalid_argument for a config that names no model, or weights that are not its own.
  Engine(const Config& config, Weights weights, const Kernels& kernels, Precision precision, double log_floor);

  const Kernels& kernels;
  const Precision precision;
  const Config config;
  const bool causal, centred, excitation, streamable;
  const PriorKind prior;
  const int bins, width;         // bins of a stream; channels, padded
  const int mirrored;            // bins added at both ends of a frame for the depthwise kernel
  const int look_right;          // frames that the first projections look ahead
  const int block_right;         // frames that a block looks ahead
  const Stft stft;               // of one stream
  const double excitation_gain;  // level of the prior's spectrum in the excitation domain

  const float mel_floor;  // what is below enters as if it were this
  Floats mel_mean, mel_scale;
  Floats silence;         // normalised mel of a frame that is silent, its largest values
  std::unique_ptr<FilterBank> filter_bank;               // several streams
  std::vector<Projection> prior_proj, cond_proj;         // by tap; prior_proj: one stream; none in mixed precision
  std::unique_ptr<Projection> env_proj;                  // excitation
  std::unique_ptr<InputLayer> input;
  std::vector<Block> blocks;
  std::unique_ptr<OutputLayer> output;
  std::unique_ptr<TileLayers> tiles;                     // mixed precision: projections and blocks

  Border border() const { return causal ? Border::kZeros : Border::kReflect; }
  int cond_columns() const { return padded(config.num_streams * bins); }  // of the projected mel
  std::int64_t prior_length(std::int64_t frames) const { return (frames + centred) * config.hop_length; }  // samples
  int margin() const { return centred ? config.hop_length / 2 : 0; }       // samples by which frame 0 precedes sample 0
  int latency() const { return config.num_blocks * block_right; }        // frames that the blocks look ahead
  int block_left() const { return config.kernel_frames - 1 - block_right; }  // frames that a block looks back
  int spectrum_lag() const;  // frames by which the spectrum of the prior lags behind the mel, rounded up
  int history() const;       // frames before a hop that its samples may depend on, the prior's phase aside
  std::int64_t samples_after(std::int64_t frames) const;                 // output samples that `frames` frames complete
  int delay() const;                                                     // samples by which the output of a stream lags

 private:
  void take_projections(Weights& weights);
};

}  // namespace wavehax
