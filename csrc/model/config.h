// What a generator is: the fields of its configuration and their limits.
#pragma once

#include <string>

#include "../signal/prior.h"

namespace wavehax {

enum class NormKind { kUtterance, kFrame, kBatch };

constexpr int kProjectionTaps = 7;  // frames under the kernels of the first projections
constexpr int kFilterTaps = 63;     // of a filter bank; a wavelet packet has as many as streams
constexpr float kMinPower = 1e-10f;       // floor of the squared magnitude that the log-magnitude variant takes in
constexpr float kMaxMagnitude = 100.0f;   // largest magnitude that the log-magnitude variant can put out

// Fields and defaults as in wavehax.config.GeneratorConfig, which explains them. A new one goes here twice: as a member and
// into for_each_field.
struct Config {
  int n_mels = 100, channels = 32, mult_channels = 2;
  int kernel_bins = 7, kernel_frames = 7;
  int num_blocks = 8, n_fft = 480, hop_length = 240, sample_rate = 24000, lookahead = 0, num_streams = 1;
  std::string prior = "pcph", norm = "utterance", outer_norm;  // without an outer_norm: as norm
  std::string time_padding = "reflect", frame_alignment = "same", output = "spectrum", stream_filter = "learned";
  bool use_logmag_phase = false;

  // Planes that go into the blocks: spectrum of the prior, its projections, projected mel; or the last and spectra by stream.
  int planes() const { return num_streams == 1 ? 5 : 3 * num_streams; }
  int stream_hop() const { return hop_length / num_streams; }  // samples of one stream
  bool causal() const { return time_padding == "causal"; }
  bool centred() const { return frame_alignment == "centre"; }
  bool excitation() const { return output == "excitation"; }
};

// Calls the method of `visitor` for its kind of value on every field, with the name that it has in model files.
template <typename C, typename Visitor>  // C: Config or const Config
void for_each_field(C& c, Visitor& visitor) {
  visitor.size("n_mels", c.n_mels);  // 1 or more
  visitor.size("channels", c.channels);
  visitor.size("mult_channels", c.mult_channels);
  visitor.kernel("kernel_size", c.kernel_bins, c.kernel_frames);
  visitor.size("num_blocks", c.num_blocks);
  visitor.size("n_fft", c.n_fft);
  visitor.size("hop_length", c.hop_length);
  visitor.size("sample_rate", c.sample_rate);
  visitor.count("lookahead", c.lookahead);  // 0 or more
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

// The config itself. Throws std::invalid_argument, naming the field, for one that names no model: within these limits packing
// and indexing are safe. wavehax.config says the same in the user's terms.
const Config& checked(const Config& config);

// Float32 values that a voice keeps at most, in any precision; wavehax.config.GeneratorConfig.voice_values.
double voice_values(const Config& config);

// By the names of the fields `norm` and `prior`. Throw std::invalid_argument, naming `field`, for another name.
NormKind norm_kind(const char* field, const std::string& name);
PriorKind prior_kind(const std::string& name);

}  // namespace wavehax
