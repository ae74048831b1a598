// F0 from the mel: nn/f0.py in the same order, a frame as soon as it has come.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../model/engine.h"

namespace wavehax {

// Fields as in wavehax.config.F0Config, which explains them.
struct F0Config {
  int n_mels, channels, num_blocks, kernel_size, num_bins;
  double f0_min, bin_cents;
};

// As of the generator's config.
const F0Config& checked(const F0Config& config);

// Checked, packed, immutable, shared by any number of voices and threads.
struct F0Predictor {
  // `log_floor` as of the Engine. Throws std::invalid_argument for a config that names no predictor, or weights that are not
  // its own.
  F0Predictor(const F0Config& config, Weights weights, const Kernels& kernels, double log_floor);

  const Kernels& kernels;
  const F0Config config;
  const float mel_floor;
  Floats mel_mean, mel_scale;
  std::vector<Projection> convolutions;  // input_proj and the blocks
  std::vector<int> dilations;            // frames between the taps of each
  std::unique_ptr<Projection> output_proj;
};

// One voice. After construction no method allocates, locks or throws. Not safe for two threads at once.
class F0Stream {
 public:
  explicit F0Stream(std::shared_ptr<const F0Predictor> predictor);

  const F0Predictor& predictor() const { return *predictor_; }
  void reset();

  // Takes frames of mel and writes as many values of F0 in Hz, 0 where unvoiced.
  void push(MelView mel, std::int64_t frames, float* f0);

 private:
  void take(MelView mel, int count);
  void convolve(std::size_t layer, int count);
  void decode(int count, float* f0);
  float peak_f0(const float* logits) const;

  std::shared_ptr<const F0Predictor> predictor_;
  Floats ring_storage_, zeros_, logits_;
  std::vector<FrameRing> rings_;  // the normalised mel, and the output of each convolution
  std::vector<const float*> inputs_;
  std::vector<float*> outputs_;
};

}  // namespace wavehax
