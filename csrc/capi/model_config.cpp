#include "model_config.h"

#include <limits>
#include <set>
#include <stdexcept>

#include "json.h"

namespace wavehax {
namespace {

// Limits of the features, generous for sound. Larger numbers would only cost memory.
constexpr int kMaxSampleRate = 768000, kMaxFeatureFft = 65536, kMaxMels = 1024;

// The fields of one JSON object. Each is taken at most once; `end` refuses those that remain.
class Fields {
 public:
  Fields(const char* owner, const Json& object) : owner_(owner) {
    if (!object.is(Json::Kind::kObject))
      throw std::invalid_argument("configuration has no " + std::string(owner) + " as an object");
    for (auto& member : members(object)) values_.emplace(std::move(member));
  }

  // Returns nothing for an absent field.
  std::optional<Json> find(const std::string& name) {
    const auto found = values_.find(name);
    if (found == values_.end()) return std::nullopt;
    const Json value = found->second;
    values_.erase(found);
    return value;
  }

  Json need(const std::string& name) {
    const std::optional<Json> value = find(name);
    if (!value) throw std::invalid_argument(owner_ + ": missing field '" + name + "'");
    return *value;
  }

  // The visitor of for_each_field. A value stays as it is if its field is absent.
  void size(const char* name, int& value) {
    if (const auto json = find(name)) value = to_size(name, *json);
  }
  void count(const char* name, int& value) {
    if (const auto json = find(name)) value = to_size(name, *json, 0);
  }
  void kernel(const char* name, int& bins, int& frames) {  // one odd number, or two
    const auto json = find(name);
    if (!json) return;
    if (!json->is(Json::Kind::kArray)) {
      bins = frames = to_size(name, *json);
      return;
    }
    const auto pair = elements(*json, 2);
    if (!pair || pair->size() != 2) refuse(name, *json, "two odd positive integers (bins, frames)");
    bins = to_size(name, pair->front());
    frames = to_size(name, pair->back());
  }
  void number(const char* name, double& value) {
    if (const auto json = find(name)) value = to_number(name, *json);
  }
  void text(const char* name, std::string& value) {
    if (const auto json = find(name)) value = to_text(name, *json);
  }
  void flag(const char* name, bool& value) {
    const auto json = find(name);
    if (json && !json->is(Json::Kind::kBoolean)) refuse(name, *json, "true or false");
    if (json) value = json->text == "true";
  }

  int to_size(const char* name, const Json& json, int least = 1) const {
    const std::optional<std::int64_t> value = integer(json);
    if (!value || *value < least || *value > std::numeric_limits<int>::max())
      refuse(name, json,
             least > 0 ? "a positive integer below 2**31" : "an integer, 0 or more, below 2**31");
    return static_cast<int>(*value);
  }
  double to_number(const char* name, const Json& json) const {
    const std::optional<double> value = real(json);
    if (!value) refuse(name, json, "a number");
    return *value;
  }
  std::string to_text(const char* name, const Json& json) const {
    if (!json.is(Json::Kind::kString)) refuse(name, json, "text");
    return unescaped(json);
  }

  void end() const {
    if (!values_.empty())
      throw std::invalid_argument(owner_ + ": unknown field " + in_quotes(values_.begin()->first));
  }

  [[noreturn]] void refuse(const char* name, const Json& json, const std::string& expected) const {
    throw std::invalid_argument(owner_ + "." + name + "=" + in_quotes(json.text) + ": expected " +
                                expected);
  }

 private:
  std::string owner_;
  std::map<std::string, Json> values_;
};

Config generator(const Json& json) {
  Fields fields("generator", json);
  Config config;
  for_each_field(config, fields);
  fields.end();
  if (config.outer_norm.empty()) config.outer_norm = config.norm;
  return checked(config);
}

void refuse_unless(bool ok, const std::string& problem) {
  if (!ok) throw std::invalid_argument("features." + problem);
}

// Returns the definition of the mel, which must agree with the generator.
FeatureConfig features(const Json& json, const Config& c) {
  Fields fields("features", json);
  const auto size = [&](const char* name) { return fields.to_size(name, fields.need(name)); };
  const auto number = [&](const char* name) { return fields.to_number(name, fields.need(name)); };
  const auto is = [&](const char* name, const char* first, const char* second) {
    const Json value = fields.need(name);
    const std::string text = fields.to_text(name, value);
    if (text != first && text != second)
      fields.refuse(name, value, std::string(first) + " or " + second);
    return text == first;
  };
  fields.to_text("name", fields.need("name"));
  const int rate = size("sample_rate"), hop = size("hop_length"), n_fft = size("n_fft"),
            n_mels = size("n_mels");
  const double f_min = number("f_min"), f_max = number("f_max"), floor = number("log_floor");
  const bool slaney_scale = is("mel_scale", "slaney", "htk"),
             unit_area = is("mel_norm", "slaney", "none"),
             centred = !is("padding", "same", "centre");
  fields.end();
  refuse_unless(floor > 0 && floor <= std::numeric_limits<double>::max(),
                "log_floor: expected a positive magnitude");
  refuse_unless(0 <= f_min && f_min < f_max && f_max <= rate / 2.0,
                "f_min, f_max: expected 0 <= f_min < f_max <= rate / 2");
  refuse_unless(n_fft >= hop && (n_fft - hop) % 2 == 0,
                "n_fft: expected hop_length plus an even number");
  refuse_unless(rate <= kMaxSampleRate,
                "sample_rate: expected at most " + std::to_string(kMaxSampleRate));
  refuse_unless(n_fft <= kMaxFeatureFft,
                "n_fft: expected at most " + std::to_string(kMaxFeatureFft));
  refuse_unless(n_mels <= kMaxMels, "n_mels: expected at most " + std::to_string(kMaxMels));
  const auto same = [](const char* name, int ours, int theirs) {
    refuse_unless(ours == theirs, std::string(name) + " is " + std::to_string(theirs) +
                                      ", and in generator " + std::to_string(ours));
  };
  same("sample_rate", c.sample_rate, rate);
  same("hop_length", c.hop_length, hop);
  same("n_mels", c.n_mels, n_mels);
  return {rate, hop, n_fft, n_mels, f_min, f_max, floor, slaney_scale, unit_area, centred};
}

F0Config f0(const Json& json, int n_mels) {
  Fields fields("f0", json);
  F0Config config{};
  config.n_mels = n_mels;
  for_each_f0_field(config, fields);
  fields.end();
  return checked(config);
}

void add_norm(Shapes& shapes, const std::string& name, const std::string& norm, long channels) {
  for (const char* part : {".weight", ".bias"}) shapes[name + part] = {channels};
  if (norm != "batch") return;
  for (const char* part : {".running_mean", ".running_var"}) shapes[name + part] = {channels};
}

void add_block(Shapes& shapes, const std::string& name, const Config& c) {
  const long channels = c.channels, expanded = channels * c.mult_channels;
  shapes[name + ".dwconv.weight"] = {channels, 1, c.kernel_bins, c.kernel_frames};
  add_norm(shapes, name + ".norm", c.norm, channels);
  shapes[name + ".pwconv1.weight"] = {expanded, channels};
  shapes[name + ".pwconv1.bias"] = {expanded};
  shapes[name + ".pwconv2.weight"] = {channels, expanded};
  shapes[name + ".pwconv2.bias"] = {channels};
  shapes[name + ".gamma"] = {channels};
}

}  // namespace

ModelConfig parse_config(std::string_view text) {
  Fields fields("configuration", parse_json(text));
  ModelConfig result;
  result.generator = generator(fields.need("generator"));
  result.features = features(fields.need("features"), result.generator);
  Fields("provenance", fields.need("provenance"));
  if (const auto json = fields.find("f0")) result.f0 = f0(*json, result.generator.n_mels);
  fields.end();
  return result;
}

Shapes parameter_shapes(const Config& c) {
  const long bins = c.n_fft / 2 + 1, mels = c.n_mels, streams = c.num_streams,
             channels = c.channels;
  Shapes shapes = {{"mel_mean", {mels}}, {"mel_scale", {mels}}};
  if (c.has_prior_proj()) {
    shapes["prior_proj.weight"] = {bins, bins, c.projection_taps};
    shapes["prior_proj.bias"] = {bins};
  }
  if (streams > 1) {
    const long taps = c.stream_filter == "dwt" ? streams : kFilterTaps;
    shapes["filter_bank.analysis.weight"] = {streams, 1, taps};
    shapes["filter_bank.synthesis.weight"] = {1, streams, taps};
  }
  shapes["cond_proj.weight"] = {streams * bins, mels, c.projection_taps};
  shapes["cond_proj.bias"] = {streams * bins};
  if (c.output == "excitation") {
    shapes["env_proj.weight"] = {bins, mels, 1};
    shapes["env_proj.bias"] = {bins};
  }
  shapes["input_proj.weight"] = {channels, c.planes()};
  add_norm(shapes, "input_norm", c.outer_norm, channels);
  for (int i = 0; i < c.num_blocks; ++i) add_block(shapes, "blocks." + std::to_string(i), c);
  add_norm(shapes, "output_norm", c.outer_norm, channels);
  shapes["output_proj.weight"] = {2 * streams, channels};
  shapes["output_proj.bias"] = {2 * streams};
  return shapes;
}

Shapes f0_parameter_shapes(const F0Config& c) {
  Shapes shapes = {{"mel_mean", {c.n_mels}}, {"mel_scale", {c.n_mels}}};
  shapes["input_proj.weight"] = {c.channels, c.n_mels, c.kernel_size};
  shapes["input_proj.bias"] = {c.channels};
  for (int i = 0; i < c.num_blocks; ++i) {
    shapes["blocks." + std::to_string(i) + ".weight"] = {c.channels, c.channels, c.kernel_size};
    shapes["blocks." + std::to_string(i) + ".bias"] = {c.channels};
  }
  shapes["output_proj.weight"] = {c.num_bins + 1, c.channels, 1};
  shapes["output_proj.bias"] = {c.num_bins + 1};
  return shapes;
}

}  // namespace wavehax
