#include "config.h"

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <utility>

#include "../kernels/tiles.h"

namespace wavehax {
namespace {

// Most float32 values that a voice may keep: 512 MB.
constexpr double kMaxVoice = 1 << 27;

void require(bool ok, const std::string& problem) {
  if (!ok) throw std::invalid_argument(problem);
}

template <typename T>
T choose(const char* field, const std::string& value,
         std::initializer_list<std::pair<const char*, T>> choices) {
  for (const auto& choice : choices)
    if (value == choice.first) return choice.second;
  throw std::invalid_argument(std::string(field) + "='" + value + "' is not known to the engine");
}

void check_choice(const char* field, const std::string& value,
                  std::initializer_list<const char*> choices) {
  for (const char* choice : choices)
    if (value == choice) return;
  throw std::invalid_argument(std::string(field) + "='" + value + "' is not known to the engine");
}

// Visitor of for_each_field that looks at sizes only.
struct SizeCheck {
  bool positive = true;
  void size(const char*, int value) { positive = positive && value > 0; }
  void kernel(const char*, int bins, int frames) { positive = positive && bins > 0 && frames > 0; }
  void count(const char*, int) {}
  void text(const char*, const std::string&) {}
  void flag(const char*, bool) {}
};

void check_sizes(const Config& c) {
  SizeCheck sizes;
  for_each_field(c, sizes);
  require(sizes.positive, "config: every size must be positive");
  require(c.kernel_bins % 2 != 0 && c.kernel_frames % 2 != 0, "kernel_size: expected odd numbers");
  const int hop = c.stream_hop();
  require(
      c.hop_length % c.num_streams == 0 && hop % 2 == 0 && c.n_fft % 2 == 0 && c.n_fft / 2 >= hop,
      "n_fft: expected an even number of at least twice the hop of one stream, which is even too");
  require(c.kernel_bins / 2 <= c.n_fft / 2, "kernel_size: more bins than the spectrum has");
  require(c.projection_taps <= kMaxProjectionTaps && (c.projection_taps % 2 != 0 || c.causal()),
          "projection_taps: expected at most 7, and an odd number with time_padding='reflect'");
  require(c.lookahead >= 0 && c.lookahead < c.projection_taps,
          "lookahead: expected less than projection_taps");
  require(static_cast<std::int64_t>(c.channels) * c.mult_channels <= kMaxExpanded,
          "channels * mult_channels: expected at most " + std::to_string(kMaxExpanded));
  require(voice_values(c) <= kMaxVoice, "config: a voice would keep more than 2^27 values");
}

}  // namespace

NormKind norm_kind(const char* field, const std::string& name) {
  return choose<NormKind>(field, name,
                          {{"utterance", NormKind::kUtterance},
                           {"frame", NormKind::kFrame},
                           {"batch", NormKind::kBatch}});
}

PriorKind prior_kind(const std::string& name) {
  return choose<PriorKind>("prior", name,
                           {{"pcph", PriorKind::kPcph},
                            {"pcph_linear_decay", PriorKind::kPcphLinearDecay},
                            {"sine", PriorKind::kSine},
                            {"sawtooth", PriorKind::kSawtooth},
                            {"noise", PriorKind::kNoise}});
}

// Computes in double, because products of 31-bit sizes would overflow an integer.
double voice_values(const Config& c) {
  // The most values by which padding to kLane lengthens a row of bins, channels or bands.
  constexpr double kMost = kLane - 1;
  const double bins = c.n_fft / 2 + 1.0, channels = c.channels + kMost;
  // The longest row of the blocks is that of TileShape::row_size: planes, and half as many floats
  // for their bfloat16 copies, whose length is rounded up to whole tiles twice. VectorNetwork has
  // no copies, but mirrors kernel_bins / 2 bins at both ends. `row` covers either.
  const double columns = bins + kMost, window = kTileSide - 1 + c.kernel_bins + kTileDepth - 1;
  const double half_columns = columns - kTileSide + window + kTileDepth - 1;
  const double row = std::floor((columns + half_columns / 2 + c.kernel_bins / 2.0) * channels);
  // Each frame also has the spectra of the prior, the envelope and the mel. Each block keeps the
  // frames under its kernel and up to two tiles. The mel is kept for as long as the spectrum of the
  // prior lags behind it: a window of n_fft.
  const double frame = row + (2.0 * c.num_streams + 1) * columns + c.n_mels + kMost;
  // Two tiles of Stream::kTile = 8 frames: one that a stage has emitted and one that the next stage
  // has not yet taken.
  constexpr double kTwoTiles = 16;
  return ((c.num_blocks + 1.0) * (c.kernel_frames + kTwoTiles) + c.n_fft / c.stream_hop()) * frame;
}

const Config& checked(const Config& c) {
  check_sizes(c);
  prior_kind(c.prior);
  norm_kind("norm", c.norm);
  norm_kind("outer_norm", c.outer_norm);
  check_choice("stream_filter", c.stream_filter, {"learned", "pqmf", "dwt"});
  check_choice("time_padding", c.time_padding, {"causal", "reflect"});
  check_choice("frame_alignment", c.frame_alignment, {"centre", "same"});
  check_choice("output", c.output, {"excitation", "spectrum"});
  require(c.lookahead == 0 || c.causal(), "lookahead: only with time_padding='causal'");
  require(c.num_streams == 1 || !(c.excitation() || c.use_logmag_phase),
          "num_streams: expected 1 with excitation or log-magnitudes");
  require(!(c.excitation() && c.use_logmag_phase),
          "use_logmag_phase: expected false with excitation");
  require(
      c.num_streams == 1 || c.stream_filter != "dwt" || (c.num_streams & (c.num_streams - 1)) == 0,
      "num_streams: a wavelet packet needs a power of two");
  return c;
}

}  // namespace wavehax
