#include "model_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <tuple>

#include "json.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "model files are little-endian and read as they are");

namespace wavehax {
namespace {

constexpr std::uint64_t kMaxHeader = 1 << 17;  // bytes, ten times the header of the shipped model
constexpr std::size_t kMaxAxes = 8;
constexpr std::string_view kF0Prefix = "f0.";

using Read = std::function<void(void* to, std::size_t size)>;  // copies the next bytes, or throws

struct Span {
  std::int64_t begin, end;  // bytes behind the header
  std::string name;
  std::vector<long> shape;
};

[[noreturn]] void refuse(const std::string& problem) { throw std::invalid_argument(problem); }

template <typename Integer>
std::string text(const std::vector<Integer>& values) {
  std::string result = "[";
  for (std::size_t i = 0; i < values.size(); ++i)
    result += (i == 0 ? "" : ", ") + std::to_string(values[i]);
  return result + "]";
}

std::string read_header(std::uint64_t size, const Read& read) {
  std::uint64_t length = 0;
  if (size >= sizeof length) read(&length, sizeof length);
  if (length < 2 || length > kMaxHeader || size < sizeof length || length > size - sizeof length)
    refuse("header of " + std::to_string(length) + " bytes in a file of " + std::to_string(size) +
           ": truncated, or no model file");
  std::string header(static_cast<std::size_t>(length), '\0');
  read(header.data(), header.size());
  return header;
}

std::vector<std::int64_t> integers(const std::string& name, const Json& json) {
  const auto values = json.is(Json::Kind::kArray) ? elements(json, kMaxAxes) : std::nullopt;
  std::vector<std::int64_t> result;
  for (const Json& value : values.value_or(std::vector<Json>{}))
    result.push_back(integer(value).value_or(-1));
  if (!values || std::any_of(result.begin(), result.end(), [](std::int64_t n) { return n < 0; }))
    refuse("tensor " + in_quotes(name) +
           ": shape and data_offsets are lists of integers, 0 or more");
  return result;
}

// Returns the product, or -1 if it is larger than any file.
std::int64_t count(const std::vector<std::int64_t>& shape) {
  std::int64_t product = 1;
  for (const std::int64_t n : shape)
    if (__builtin_mul_overflow(product, n, &product) || product > INT64_MAX / 4) return -1;
  return product;
}

Span span(const std::string& name, const Json& entry) {
  std::map<std::string, Json> fields;
  if (entry.is(Json::Kind::kObject))
    for (auto& member : members(entry)) fields.emplace(std::move(member));
  if (fields.size() != 3 || !fields.count("dtype") || !fields.count("shape") ||
      !fields.count("data_offsets"))
    refuse("tensor " + in_quotes(name) + ": expected dtype, shape and data_offsets");
  const Json dtype = fields.at("dtype");
  if (!dtype.is(Json::Kind::kString) || unescaped(dtype) != "F32")
    refuse("tensor " + in_quotes(name) + " has dtype " + in_quotes(dtype.text) +
           ": expected 'F32'");
  const auto shape = integers(name, fields.at("shape")),
             offsets = integers(name, fields.at("data_offsets"));
  const std::int64_t values = count(shape);
  if (offsets.size() != 2 || values < 0 || offsets[1] - offsets[0] != 4 * values)
    refuse("tensor " + in_quotes(name) + ": shape " + text(shape) + " does not fill the bytes " +
           text(offsets));
  return {offsets[0], offsets[1], name, std::vector<long>(shape.begin(), shape.end())};
}

// Returns the tensors in the order of the file. Together they cover all its `size` bytes, without
// overlap.
std::vector<Span> spans(const std::vector<std::pair<std::string, Json>>& header,
                        std::int64_t size) {
  std::vector<Span> result;
  for (const auto& [name, entry] : header)
    if (name != "__metadata__") result.push_back(span(name, entry));
  std::sort(result.begin(), result.end(), [](const Span& a, const Span& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::int64_t position = 0;
  for (const Span& s : result) {
    if (s.begin != position)
      refuse("tensor " + in_quotes(s.name) + " begins at byte " + std::to_string(s.begin) +
             ": expected " + std::to_string(position) + ", where the one before it ends");
    if (s.end > size)
      refuse("tensor " + in_quotes(s.name) + " ends at byte " + std::to_string(s.end) +
             ": the file has " + std::to_string(size) + " bytes of tensors; truncated?");
    position = s.end;
  }
  if (position != size) refuse(std::to_string(size - position) + " bytes behind the last tensor");
  return result;
}

std::string config_text(const std::vector<std::pair<std::string, Json>>& header) {
  for (const auto& [name, metadata] : header) {
    if (name != "__metadata__" || !metadata.is(Json::Kind::kObject)) continue;
    for (const auto& [key, value] : members(metadata)) {
      if (key == "wavehax" && value.is(Json::Kind::kString)) return unescaped(value);
    }
  }
  refuse("no text __metadata__.wavehax: not a model of this package");
}

// Checks that `tensors` are those of `shapes`; `prefix` begins their names in messages.
void check_shapes(const std::map<std::string, Tensor>& tensors, const Shapes& shapes,
                  const std::string& prefix) {
  for (const auto& [name, shape] : shapes) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) refuse("missing tensor '" + prefix + name + "'");
    if (found->second.shape != shape)
      refuse("tensor '" + prefix + name + "' has shape " + text(found->second.shape) +
             ": expected " + text(shape));
  }
  for (const auto& [name, tensor] : tensors)
    if (shapes.count(name) == 0) refuse("unexpected tensor " + in_quotes(prefix + name));
}

bool ends_with(const std::string& name, const std::string& end) {
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

// Returns the index of value number `i` in C order.
std::vector<long> index(const std::vector<long>& shape, long i) {
  std::vector<long> result(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0; i /= shape[axis])
    result[axis] = i % shape[axis];
  return result;
}

void check_values(const std::map<std::string, Tensor>& tensors, const std::string& prefix) {
  for (const auto& [name, tensor] : tensors) {
    const bool scale = ends_with(name, "mel_scale"), variance = ends_with(name, ".running_var");
    const long size =
        std::accumulate(tensor.shape.begin(), tensor.shape.end(), 1L, std::multiplies<long>());
    for (long i = 0; i < size; ++i) {
      const float value = tensor.data[i];
      const char* expected = !std::isfinite(value)       ? "finite values"
                             : scale && !(value > 0)     ? "more than 0"
                             : variance && !(value >= 0) ? "at least 0"
                                                         : nullptr;
      if (expected != nullptr)
        refuse("tensor '" + prefix + name + "' is " + std::to_string(value) + " at " +
               text(index(tensor.shape, i)) + ": expected " + expected);
    }
  }
}

// Returns the entry of a tensor in the generator or the predictor, which is made if there is none.
Tensor& entry(ModelFile& file, const std::string& name) {
  constexpr std::size_t kPrefix = kF0Prefix.size();
  const bool predictor = file.config.f0 && name.compare(0, kPrefix, kF0Prefix) == 0;
  return predictor ? file.f0[name.substr(kPrefix)] : file.generator[name];
}

void check_shapes(const ModelFile& file) {
  const Config& c = file.config.generator;
  const std::size_t tensors = file.generator.size();
  // Checked first, before a hostile number costs any time.
  if (static_cast<std::size_t>(c.num_blocks) > tensors)
    refuse("num_blocks=" + std::to_string(c.num_blocks) + ", but the file has " +
           std::to_string(tensors) + " tensors");
  check_shapes(file.generator, parameter_shapes(c), "");
  if (file.config.f0)
    check_shapes(file.f0, f0_parameter_shapes(*file.config.f0), std::string(kF0Prefix));
}

// Reads the configuration, and the tensors without their values.
std::vector<Span> read_outline(std::uint64_t size, const Read& read, ModelFile& file) {
  const std::string header = read_header(size, read);
  const Json json = parse_json(header);
  if (!json.is(Json::Kind::kObject)) refuse("the header is no JSON object");
  const auto entries = members(json);
  file.config_text = config_text(entries);
  return spans(entries, static_cast<std::int64_t>(size - sizeof(std::uint64_t) - header.size()));
}

ModelFile read_model(std::uint64_t size, const Read& read) {
  ModelFile file;
  const std::vector<Span> tensors = read_outline(size, read, file);
  file.config = parse_config(file.config_text);
  for (const Span& span : tensors) entry(file, span.name).shape = span.shape;
  check_shapes(file);
  const auto bytes = static_cast<std::size_t>(tensors.back().end);
  file.values.resize(bytes / sizeof(float));
  read(file.values.data(), bytes);
  for (const Span& span : tensors)
    entry(file, span.name).data = file.values.data() + span.begin / sizeof(float);
  check_values(file.generator, "");
  check_values(file.f0, std::string(kF0Prefix));
  return file;
}

}  // namespace

ModelFile read_model_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) refuse("no such file");
  if (error) refuse("cannot be read: " + error.message());
  if (!std::filesystem::is_regular_file(status)) refuse("not a file");
  const std::uint64_t size = std::filesystem::file_size(path, error);
  std::ifstream stream(path, std::ios::binary);
  if (error || !stream) refuse("cannot be read");
  return read_model(size, [&](void* to, std::size_t count) {
    stream.read(static_cast<char*>(to), static_cast<std::streamsize>(count));
    if (static_cast<std::size_t>(stream.gcount()) != count) refuse("ends while it is read");
  });
}

ModelFile read_model_file(const void* data, std::size_t size) {
  const char* next = static_cast<const char*>(data);
  return read_model(size, [&](void* to, std::size_t count) {  // never more than `size` in all
    if (count > 0) std::memcpy(to, next, count);
    next += count;
  });
}

}  // namespace wavehax
