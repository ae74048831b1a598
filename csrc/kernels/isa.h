// Instruction sets by name, for every table of kernels: which ones this machine runs, and which one
// a name means.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace wavehax {

// Returns whether processor and operating system run `isa`.
bool isa_supported(const std::string& isa);

// Returns the table of `isa` among `tables` (fastest first), or the fastest one that runs here for
// "auto", unless WAVEHAX_ISA in the environment names another. Throws std::invalid_argument for a
// name that is unknown or not available here.
template <typename Table>
const Table& choose_table(const std::vector<const Table*>& tables, const std::string& isa) {
  std::string wanted = isa;
  if (wanted == "auto") {
    const char* chosen = std::getenv("WAVEHAX_ISA");
    if (chosen != nullptr && *chosen != '\0') wanted = chosen;
  }
  std::string names;
  for (const Table* table : tables) {
    if (!isa_supported(table->isa)) continue;
    if (wanted == "auto" || wanted == table->isa) return *table;
    names += (names.empty() ? "" : ", ") + std::string(table->isa);
  }
  throw std::invalid_argument("isa='" + wanted +
                              "': expected 'auto' or one that this machine has: " + names);
}

}  // namespace wavehax
