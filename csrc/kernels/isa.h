// Instruction sets by name, for every table of kernels: what this machine runs, and which one is meant.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace wavehax {

// Whether processor and operating system run `isa`.
bool isa_supported(const std::string& isa);

// The table of `isa` among `tables` (fastest first), or the fastest that runs here for "auto", where WAVEHAX_ISA in the
// environment may name another. Throws std::invalid_argument for a name that is unknown or not available here.
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
  throw std::invalid_argument("isa='" + wanted + "': expected 'auto' or one that this machine has: " + names);
}

}  // namespace wavehax
