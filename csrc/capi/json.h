// A strict reader of JSON (RFC 8259) for text of unknown origin. It builds only the values that are
// asked for and bounds the depth. It refuses repeated keys, NaN, and text that is not UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wavehax {

constexpr int kMaxJsonDepth = 32;

// A value known to be well formed. It is a part of the text that it was read from, which must
// outlive it.
struct Json {
  enum class Kind { kObject, kArray, kString, kNumber, kBoolean, kNull };
  Kind kind;
  std::string_view text;

  bool is(Kind wanted) const { return kind == wanted; }
};

// Checks all of `text`. Throws std::invalid_argument, which names the byte where it stops being
// JSON, or a key that is repeated.
Json parse_json(std::string_view text);

// Returns the members of an object in their order, with keys unescaped.
std::vector<std::pair<std::string, Json>> members(const Json& object);

// Returns the elements of an array, or nothing if there are more than `most`.
std::optional<std::vector<Json>> elements(const Json& array, std::size_t most);

// Returns the characters of a string in UTF-8, with escapes resolved.
std::string unescaped(const Json& string);

// Returns the value of a number written without fraction and exponent, or nothing for any other
// value or one beyond 64 bits.
std::optional<std::int64_t> integer(const Json& value);

// Returns the value of a number, infinite beyond the range of double, or nothing for any other
// value.
std::optional<double> real(const Json& value);

// Returns `text` as messages show it: in quotes, and cut if it is long.
std::string in_quotes(std::string_view text);

}  // namespace wavehax
