// Strict reader of JSON (RFC 8259) for text from anywhere: nothing is built but what is asked for,
// depth is bounded, and repeated keys, NaN and what is not UTF-8 are refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wavehax {

constexpr int kMaxJsonDepth = 32;

// A value known to be well formed: a part of the text that it was read from, which must outlive it.
struct Json {
  enum class Kind { kObject, kArray, kString, kNumber, kBoolean, kNull };
  Kind kind;
  std::string_view text;

  bool is(Kind wanted) const { return kind == wanted; }
};

// Checks all of `text`. Throws std::invalid_argument with the byte at which it is no JSON, or the
// key that is repeated.
Json parse_json(std::string_view text);

// Of an object, in order. Keys are unescaped.
std::vector<std::pair<std::string, Json>> members(const Json& object);

// Of an array; nothing where it has more than `most`.
std::optional<std::vector<Json>> elements(const Json& array, std::size_t most);

// A string's characters in UTF-8, escapes resolved.
std::string unescaped(const Json& string);

// The value of a number written without fraction and exponent; nothing for any other value, or one
// beyond 64 bits.
std::optional<std::int64_t> integer(const Json& value);

// The value of a number; infinite beyond the range of double. Nothing for any other value.
std::optional<double> real(const Json& value);

// `text` for a message: in quotes, cut where it is long.
std::string in_quotes(std::string_view text);

}  // namespace wavehax
