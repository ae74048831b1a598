#include "model_writer.h"

#include <cstring>
#include <random>

namespace wavehax {
namespace {

// A JSON object, one field after the other; the visitor of for_each_field.
class Writer {
 public:
  void size(const char* name, int value) { add(name, std::to_string(value)); }
  void count(const char* name, int value) { size(name, value); }
  void kernel(const char* name, int bins, int frames) {
    add(name, "[" + std::to_string(bins) + ", " + std::to_string(frames) + "]");
  }
  void number(const char* name, double value) { add(name, std::to_string(value)); }
  void text(const char* name, const std::string& value) { add(name, "\"" + value + "\""); }
  void flag(const char* name, bool value) { add(name, value ? "true" : "false"); }

  std::string object() const { return "{" + fields_ + "}"; }

 private:
  void add(const char* name, const std::string& value) {
    fields_ += (fields_.empty() ? "\"" : ", \"") + std::string(name) + "\": " + value;
  }

  std::string fields_;
};

std::string generator_json(const Config& c) {
  Writer writer;
  for_each_field(c, writer);
  return writer.object();
}

std::string features_json(const Config& c) {
  Writer writer;
  writer.text("name", "fuzz");
  writer.size("sample_rate", c.sample_rate);
  writer.size("hop_length", c.hop_length);
  writer.size("n_fft", 2 * c.hop_length);
  writer.size("n_mels", c.n_mels);
  writer.number("f_min", 0);
  writer.number("f_max", c.sample_rate / 2.0);
  writer.text("mel_scale", "htk");
  writer.text("mel_norm", "none");
  writer.text("padding", "same");
  writer.number("log_floor", 1);
  return writer.object();
}

std::string f0_json(const F0Config& c) {
  Writer writer;
  for_each_f0_field(c, writer);
  return writer.object();
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
