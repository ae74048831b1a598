// Predicts F0 from the mel. Twin of nn/f0.py, with the same layers in the same order; a frame of F0
// is ready as soon as its frame of mel has come.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../model/engine.h"

namespace wavehax {

// The configuration of a predictor. wavehax.config.F0Config has the same fields and defaults, and
// explains them. n_mels is that of the generator.
struct F0Config {
  int n_mels, channels = 96, num_blocks = 4, kernel_size = 3, num_bins = 248;
  double f0_min = 40.0, bin_cents = 25.0;
};

// Like for_each_field of the generator's Config. n_mels is left out.
// C is F0Config or const F0Config.
template <typename C, typename Visitor>
void for_each_f0_field(C& c, Visitor& visitor) {
  visitor.size("channels", c.channels);
  visitor.size("num_blocks", c.num_blocks);
  visitor.size("kernel_size", c.kernel_size);
  visitor.size("num_bins", c.num_bins);
  visitor.number("f0_min", c.f0_min);
  visitor.number("bin_cents", c.bin_cents);
}

// Like `checked` of the generator's Config.
const F0Config& checked(const F0Config& config);

// A predictor ready to run: checked, packed, immutable, shared by any number of voices and threads.
struct F0Predictor {
  // `log_floor` is that of Engine. Throws std::invalid_argument for a config that describes no
  // predictor, and for weights that do not fit the config.
  F0Predictor(const F0Config& config, Weights weights, const Kernels& kernels, double log_floor);

  const Kernels& kernels;
  const F0Config config;
  const float mel_floor;
  Floats mel_mean, mel_scale;
  std::vector<Projection> convolutions;  // input_proj and the blocks
  std::vector<int> dilations;            // frames between the taps of each convolution
  std::unique_ptr<Projection> output_proj;
};

// F0 of one voice. After construction no method allocates, locks or throws. Not safe for two
// threads at once.
class F0Stream {
 public:
  explicit F0Stream(std::shared_ptr<const F0Predictor> predictor);

  const F0Predictor& predictor() const { return *predictor_; }
  void reset();

  // Takes frames of mel and writes one value of F0 for each, in Hz, 0 where unvoiced.
  void push(MelView mel, std::int64_t frames, float* f0);

 private:
  void take(MelView mel, int count);
  void convolve(std::size_t layer, int count);
  void decode(int count, float* f0);
  float peak_f0(const float* logits) const;

  std::shared_ptr<const F0Predictor> predictor_;
  Floats ring_storage_, zeros_, logits_;
  std::vector<FrameRing> rings_;  // the normalised mel, then the output of each convolution
  std::vector<const float*> inputs_;
  std::vector<float*> outputs_;
};

}  // namespace wavehax
