// What a generator is: the fields of its configuration and their limits.
#pragma once

#include <string>

#include "../signal/prior.h"

namespace wavehax {

enum class NormKind { kUtterance, kFrame, kBatch };

// Most frames under the kernels of prior_proj and cond_proj.
constexpr int kMaxProjectionTaps = 7;
// Taps of a learned or PQMF filter bank. A wavelet packet has one tap for each stream.
constexpr int kFilterTaps = 63;
// Log-magnitude variant: the floor of a squared magnitude before its logarithm is taken.
constexpr float kMinPower = 1e-10f;
// Log-magnitude variant: the largest magnitude of an output bin.
constexpr float kMaxMagnitude = 100.0f;

// The configuration of a generator. wavehax.config.GeneratorConfig has the same fields and
// defaults, and explains them. A new field is written twice here: as a member, and in
// for_each_field.
struct Config {
  int n_mels = 100, channels = 32, mult_channels = 2;
  int kernel_bins = 7, kernel_frames = 7;
  int num_blocks = 8, n_fft = 480, hop_length = 240, sample_rate = 24000, projection_taps = 7,
      lookahead = 0, num_streams = 1;
  std::string prior = "pcph", norm = "utterance";
  // An empty outer_norm stands for `norm`; whoever reads a config resolves it before `checked`.
  std::string outer_norm;
  std::string time_padding = "reflect", frame_alignment = "same", output = "spectrum",
              stream_filter = "learned";
  bool use_logmag_phase = false, prior_projection = true;

  bool has_prior_proj() const { return prior_projection && num_streams == 1; }
  // Returns the number of planes that input_proj mixes: real and imaginary part of the prior's
  // spectrum and the projected mel, for each stream, and with prior_proj the projection of both
  // parts.
  int planes() const { return 3 * num_streams + (has_prior_proj() ? 2 : 0); }
  // Returns the hop in samples of one stream, which runs at sample_rate / num_streams.
  int stream_hop() const { return hop_length / num_streams; }
  bool causal() const { return time_padding == "causal"; }
  bool centred() const { return frame_alignment == "centre"; }
  bool excitation() const { return output == "excitation"; }
};

// Calls a method of `visitor` for every field: the one that is named after the kind of the value.
// The first argument is the name of the field in model files.
// C is Config or const Config.
template <typename C, typename Visitor>
void for_each_field(C& c, Visitor& visitor) {
  visitor.size("n_mels", c.n_mels);  // expected to be 1 or more
  visitor.size("channels", c.channels);
  visitor.size("mult_channels", c.mult_channels);
  visitor.kernel("kernel_size", c.kernel_bins, c.kernel_frames);
  visitor.size("num_blocks", c.num_blocks);
  visitor.size("n_fft", c.n_fft);
  visitor.size("hop_length", c.hop_length);
  visitor.size("sample_rate", c.sample_rate);
  visitor.size("projection_taps", c.projection_taps);
  visitor.flag("prior_projection", c.prior_projection);
  visitor.count("lookahead", c.lookahead);  // expected to be 0 or more
  visitor.size("num_streams", c.num_streams);
  visitor.text("prior", c.prior);
  visitor.text("norm", c.norm);
  visitor.text("outer_norm", c.outer_norm);
  visitor.text("time_padding", c.time_padding);
  visitor.text("frame_alignment", c.frame_alignment);
  visitor.text("output", c.output);
  visitor.text("stream_filter", c.stream_filter);
  visitor.flag("use_logmag_phase", c.use_logmag_phase);
}

// Returns `config` itself. Throws std::invalid_argument, which names the field, if it describes no
// model. Packing and indexing are safe within the limits checked here. wavehax.config checks the
// same, in the user's terms.
const Config& checked(const Config& config);

// Returns an upper bound for the number of float32 values that a voice keeps, in any precision.
// Twin of wavehax.config.GeneratorConfig.voice_values.
double voice_values(const Config& config);

// Return the kind that a value of the fields `norm` and `prior` names. Throw std::invalid_argument,
// which names `field`, for any other value.
NormKind norm_kind(const char* field, const std::string& name);
PriorKind prior_kind(const std::string& name);

}  // namespace wavehax
