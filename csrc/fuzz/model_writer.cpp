#include "model_writer.h"

#include <cstring>
#include <random>

namespace wavehax {
namespace {

std::string field(const char* name, const std::string& value) { return "\"" + std::string(name) + "\": " + value; }
std::string number(const char* name, double value) { return field(name, std::to_string(value)); }
std::string number(const char* name, int value) { return field(name, std::to_string(value)); }
std::string text(const char* name, const std::string& value) { return field(name, "\"" + value + "\""); }

std::string object(std::initializer_list<std::string> fields) {
  std::string result;
  for (const std::string& f : fields) result += (result.empty() ? "{" : ", ") + f;
  return result + "}";
}

std::string generator_json(const Config& c) {
  return object({number("n_mels", c.n_mels), number("channels", c.channels), number("mult_channels", c.mult_channels),
                 field("kernel_size", "[" + std::to_string(c.kernel_bins) + ", " + std::to_string(c.kernel_frames) + "]"),
                 number("num_blocks", c.num_blocks), number("n_fft", c.n_fft), number("hop_length", c.hop_length),
                 number("sample_rate", c.sample_rate), number("lookahead", c.lookahead), number("num_streams", c.num_streams),
                 text("prior", c.prior), text("norm", c.norm), text("outer_norm", c.outer_norm),
                 text("time_padding", c.time_padding), text("frame_alignment", c.frame_alignment), text("output", c.output),
                 text("stream_filter", c.stream_filter), field("use_logmag_phase", c.use_logmag_phase ? "true" : "false")});
}

std::string features_json(const Config& c) {
  return object({text("name", "fuzz"), number("sample_rate", c.sample_rate), number("hop_length", c.hop_length),
                 number("n_fft", 2 * c.hop_length), number("n_mels", c.n_mels), number("f_min", 0),
                 number("f_max", c.sample_rate / 2.0), text("mel_scale", "htk"), text("mel_norm", "none"),
                 text("padding", "same"), number("log_floor", 1)});
}

std::string f0_json(const F0Config& c) {
  return object({number("channels", c.channels), number("num_blocks", c.num_blocks), number("kernel_size", c.kernel_size),
                 number("num_bins", c.num_bins), number("f0_min", c.f0_min), number("bin_cents", c.bin_cents)});
}

std::string escaped(const std::string& json) {
  std::string result;
  for (const char c : json) {
    if (c == '"') result += '\\';
    result += c;
  }
  return result;
}

// Adds tensors to a header and to the bytes behind it.
void add_tensors(const Shapes& shapes, const std::string& prefix, std::minstd_rand& rng, std::string& header,
                 std::string& data) {
  std::uniform_real_distribution<float> uniform(0.05f, 0.3f);
  for (const auto& [name, shape] : shapes) {
    std::string axes;
    long size = 1;
    for (const long n : shape) {
      axes += (axes.empty() ? "" : ",") + std::to_string(n);
      size *= n;
    }
    const std::size_t begin = data.size();
    for (long i = 0; i < size; ++i) {
      const float value = uniform(rng);
      data.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    header += ",\"" + prefix + name + "\":{\"dtype\":\"F32\",\"shape\":[" + axes + "],\"data_offsets\":[" +
              std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
  }
}

}  // namespace

Config smallest_config() {
  Config c{};
  c.n_mels = c.channels = c.mult_channels = c.kernel_bins = c.kernel_frames = c.num_blocks = c.num_streams = 1;
  c.n_fft = 4;
  c.hop_length = 2;
  c.sample_rate = 8000;
  c.prior = "pcph";
  c.norm = c.outer_norm = "batch";
  c.time_padding = "causal";
  c.frame_alignment = "same";
  c.output = "spectrum";
  c.stream_filter = "learned";
  return c;
}

std::string config_json(const Config& config, const F0Config* f0) {
  const std::string text = "{\"generator\": " + generator_json(config) + ", \"features\": " + features_json(config);
  return text + (f0 == nullptr ? "" : ", \"f0\": " + f0_json(*f0)) + ", \"provenance\": {}}";
}

std::string model_file(const Config& config, const F0Config* f0, std::uint32_t seed) {
  checked(config);
  std::string header = "{\"__metadata__\":{\"wavehax\":\"" + escaped(config_json(config, f0)) + "\"}", data;
  std::minstd_rand rng(seed);
  add_tensors(parameter_shapes(config), "", rng, header, data);
  if (f0 != nullptr) add_tensors(f0_parameter_shapes(*f0), "f0.", rng, header, data);
  header += "}";
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + data;
}

}  // namespace wavehax
