// Edits of texts that contain numbers, for the mutators of the targets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

// Makes any edit.
inline void mutate(std::string& text) {
  const std::size_t size = text.size(), room = size + 64;
  text.resize(room);
  text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), size, room));
}

// Replaces one number by another that is likely to matter.
inline void change_number(std::string& text, std::minstd_rand& rng) {
  static const char* const kNumbers[] = {"0",
                                         "1",
                                         "-1",
                                         "2",
                                         "3",
                                         "4",
                                         "65536",
                                         "2147483647",
                                         "2147483648",
                                         "4294967296",
                                         "9223372036854775807",
                                         "18446744073709551616",
                                         "1e999",
                                         "0.5",
                                         "-0",
                                         "1000000007"};
  const std::size_t from = text.find_first_of("0123456789", rng() % (text.size() + 1));
  if (from == std::string::npos) return;
  const std::size_t until = std::min(text.find_first_not_of("0123456789", from), text.size());
  text.replace(from, until - from, kNumbers[rng() % std::size(kNumbers)]);
}
