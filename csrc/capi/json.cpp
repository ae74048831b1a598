#include "json.h"

#include <algorithm>
#include <limits>
#include <locale>
#include <sstream>
#include <stdexcept>

namespace wavehax {
namespace {

constexpr std::size_t kMaxNumber = 1000;    // characters; nobody means a longer number
constexpr std::size_t kLongestQuoted = 40;  // bytes of a name in a message
constexpr std::uint32_t kNoCharacter = 0xFFFFFFFF;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Appends a code point in UTF-8.
void append(std::string& to, std::uint32_t c) {
  const auto byte = [&](std::uint32_t bits) { to.push_back(static_cast<char>(bits)); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) {
    byte(0xC0 | c >> 6);
  } else if (c < 0x10000) {
    byte(0xE0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3F));
  } else {
    byte(0xF0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3F));
    byte(0x80 | (c >> 6 & 0x3F));
  }
  byte(0x80 | (c & 0x3F));
}

// One pass over a text, value by value.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  Json value() {
    space();
    const std::size_t first = at_;
    const Json::Kind kind = scan();
    return {kind, text_.substr(first, at_ - first)};
  }

  void end() {
    space();
    if (at_ != text_.size()) fail("expected nothing more");
  }

  std::string string() {
    std::string result;
    scan_string(&result);
    return result;
  }

  // Calls member(key, value) for each member.
  template <typename Member>
  void object(Member member) {
    sequence('{', '}', [&] {
      space();
      std::string key = string();
      space();
      expect(':');
      const Json found = value();
      member(std::move(key), found);
    });
  }

  // Calls element(value) for each element.
  template <typename Element>
  void array(Element element) {
    sequence('[', ']', [&] { element(value()); });
  }

 private:
  [[noreturn]] void fail(const char* problem) const {
    throw std::invalid_argument("JSON: " + std::string(problem) + " at byte " +
                                std::to_string(at_));
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) { return peek() == c && at_ < text_.size() && ++at_ > 0; }
  void expect(char c) {
    if (!take(c)) fail((std::string("expected '") + c + "'").c_str());
  }
  void space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  Json::Kind scan() {
    switch (peek()) {
      case '{':
        return scan_object(), Json::Kind::kObject;
      case '[':
        return array([](const Json&) {}), Json::Kind::kArray;
      case '"':
        return scan_string(nullptr), Json::Kind::kString;
      case 't':
        return word("true"), Json::Kind::kBoolean;
      case 'f':
        return word("false"), Json::Kind::kBoolean;
      case 'n':
        return word("null"), Json::Kind::kNull;
      default:
        return number(), Json::Kind::kNumber;
    }
  }

  template <typename Item>
  void sequence(char open, char close, Item item) {
    expect(open);
    if (++depth_ > kMaxJsonDepth) fail("nested too deeply");
    space();
    if (!take(close)) {
      do {
        item();
        space();
      } while (take(','));
      expect(close);
    }
    --depth_;
  }

  void scan_object() {
    std::vector<std::string> keys;
    object([&](std::string key, const Json&) { keys.push_back(std::move(key)); });
    std::sort(keys.begin(), keys.end());
    const auto repeated = std::adjacent_find(keys.begin(), keys.end());
    if (repeated != keys.end())
      throw std::invalid_argument("JSON repeats the key " + in_quotes(*repeated));
  }

  void word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) fail("expected a value");
    at_ += expected.size();
  }

  void digits() {
    if (!is_digit(peek())) fail("expected a value");
    while (is_digit(peek())) ++at_;
  }

  void number() {
    const std::size_t first = at_;
    take('-');
    if (!take('0')) digits();
    if (take('.')) digits();
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      digits();
    }
    if (at_ - first > kMaxNumber) fail("a number too long");
  }

  // Appends the characters to `out` unless it is null.
  void scan_string(std::string* out) {
    expect('"');
    while (peek() != '"' || at_ == text_.size()) {
      if (at_ == text_.size()) fail("a string without end");
      const std::uint32_t c = take('\\') ? escape() : character();
      if (out != nullptr) append(*out, c);
    }
    ++at_;
  }

  std::uint32_t escape() {
    constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    if (take('u')) return escaped_code_point();
    const std::size_t index = at_ < text_.size() ? kNames.find(text_[at_]) : std::string_view::npos;
    if (index == std::string_view::npos) fail("no such escape");
    ++at_;
    return static_cast<unsigned char>(kMeanings[index]);
  }

  std::uint32_t escaped_code_point() {
    const std::uint32_t first = hex4();
    if (first < 0xD800 || first > 0xDFFF) return first;
    if (first > 0xDBFF || !take('\\') || !take('u')) fail("half of a surrogate pair");
    const std::uint32_t second = hex4();
    if (second < 0xDC00 || second > 0xDFFF) fail("half of a surrogate pair");
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
  }

  std::uint32_t hex4() {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::uint32_t result = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const std::size_t digit =
          kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
      if (digit == std::string_view::npos) fail("expected four hexadecimal digits");
      result = result << 4 | static_cast<std::uint32_t>(digit);
    }
    return result;
  }

  // Reads the next code point of the text, which must be UTF-8 in its shortest form, without
  // surrogates (RFC 3629 section 3).
  std::uint32_t character() {
    const auto lead = static_cast<unsigned char>(text_[at_]);
    if (lead < 0x20) fail("a control character in a string");
    ++at_;
    if (lead < 0x80) return lead;
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    const std::uint32_t least = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0x80;
    std::uint32_t c = more == 0 || lead > 0xF7 ? kNoCharacter : lead & (0x3Fu >> more);
    for (int i = 0; i < more && c != kNoCharacter; ++i, ++at_) {
      const auto next = static_cast<unsigned char>(peek());
      c = next >> 6 == 2 ? c << 6 | (next & 0x3Fu) : kNoCharacter;
    }
    if (c < least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) fail("text that is not UTF-8");
    return c;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Json parse_json(std::string_view text) {
  Scanner scanner(text);
  const Json value = scanner.value();
  scanner.end();
  return value;
}

std::vector<std::pair<std::string, Json>> members(const Json& object) {
  std::vector<std::pair<std::string, Json>> result;
  Scanner(object.text).object([&](std::string key, const Json& value) {
    result.emplace_back(std::move(key), value);
  });
  return result;
}

std::optional<std::vector<Json>> elements(const Json& array, std::size_t most) {
  std::vector<Json> result;
  std::size_t count = 0;
  Scanner(array.text).array([&](const Json& value) {
    if (++count <= most) result.push_back(value);
  });
  if (count > most) return std::nullopt;
  return result;
}

std::string unescaped(const Json& string) { return Scanner(string.text).string(); }

std::optional<std::int64_t> integer(const Json& value) {
  if (!value.is(Json::Kind::kNumber)) return std::nullopt;
  const bool negative = value.text[0] == '-';
  std::int64_t result = 0;
  for (const char c : value.text.substr(negative ? 1 : 0)) {
    if (!is_digit(c) || result > (std::numeric_limits<std::int64_t>::max() - (c - '0')) / 10)
      return std::nullopt;
    result = 10 * result + (c - '0');
  }
  return negative ? -result : result;
}

std::optional<double> real(const Json& value) {
  if (!value.is(Json::Kind::kNumber)) return std::nullopt;
  std::istringstream stream{std::string(value.text)};
  // The locale of the host may have a decimal comma.
  stream.imbue(std::locale::classic());
  double result = 0.0;
  if (stream >> result) return result;
  const double infinity = std::numeric_limits<double>::infinity();
  return value.text[0] == '-' ? -infinity : infinity;
}

std::string in_quotes(std::string_view text) {
  return "'" + std::string(text.substr(0, kLongestQuoted)) +
         (text.size() > kLongestQuoted ? "...'" : "'");
}

}  // namespace wavehax
