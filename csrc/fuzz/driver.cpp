// Runs a fuzz target without libFuzzer: -runs=N executions on inputs made from -seed=S, from number
// -first=F on. A failure prints the number of its input; -first=NUMBER -runs=1 repeats it.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include <sanitizer/common_interface_defs.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" __attribute__((weak)) std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data,
                                                                     std::size_t size,
                                                                     std::size_t most,
                                                                     unsigned seed);

// Limits a single allocation. No input is larger than 64 kB, so none may cost more memory than
// this.
extern "C" const char* __asan_default_options() {
  return "max_allocation_size_mb=256:detect_leaks=1";
}

namespace {

constexpr std::size_t kMostBytes = 65536;
constexpr unsigned kHang = 20;  // seconds after which a run counts as hanging

std::mt19937_64 rng;
std::uint64_t seed = 1, number = 0;

void name_input() {
  std::fprintf(stderr, "repeat with -seed=%llu -first=%llu -runs=1\n",
               static_cast<unsigned long long>(seed), static_cast<unsigned long long>(number));
}

void hang(int) {
  std::fprintf(stderr, "FAILED: still running after %u seconds\n", kHang);
  std::abort();
}

void abort_named(int) {
  name_input();
  std::_Exit(1);
}

// Makes an input: with a mutator by a few of its steps from nothing, else of random bytes.
std::size_t make_input(std::vector<std::uint8_t>& data) {
  rng.seed(seed * 0x9E3779B97F4A7C15u + number);
  if (LLVMFuzzerCustomMutator != nullptr) {
    std::size_t size = 0;
    for (auto steps = 1 + rng() % 6; steps > 0; --steps)
      size = LLVMFuzzerCustomMutator(data.data(), size, data.size(), static_cast<unsigned>(rng()));
    return size;
  }
  const std::size_t size = rng() % 1024;
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::uint8_t>(rng());
  return size;
}

std::uint64_t option(const char* argument, const char* name, std::uint64_t value) {
  const std::size_t length = std::strlen(name);
  return std::strncmp(argument, name, length) == 0 ? std::strtoull(argument + length, nullptr, 10)
                                                   : value;
}

}  // namespace

// Makes one edit, like libFuzzer's function of this name: changes a byte, or removes, repeats or
// inserts a few.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most) {
  const std::size_t at = size > 0 ? rng() % size : 0,
                    count = std::min<std::size_t>(1 + rng() % 8, size - at);
  switch (rng() % 4) {
    case 0:
      std::memmove(data + at, data + at + count, size - at - count);
      return size - count;
    case 1:
      if (size + count > most) break;
      std::memmove(data + at + count, data + at, size - at);
      return size + count;
    case 2:
      if (size > 0) data[at] ^= static_cast<std::uint8_t>(1u << rng() % 8);
      return size;
    default:
      break;
  }
  if (size > 0) data[at] = static_cast<std::uint8_t>(rng());
  return size;
}

int main(int argc, char** argv) {
  std::uint64_t runs = 1000, first = 0;
  for (int i = 1; i < argc; ++i) {
    runs = option(argv[i], "-runs=", runs);
    seed = option(argv[i], "-seed=", seed);
    first = option(argv[i], "-first=", first);
  }
  __sanitizer_set_death_callback(name_input);
  std::signal(SIGALRM, hang);
  std::signal(SIGABRT, abort_named);
  std::vector<std::uint8_t> data(kMostBytes);
  for (number = first; number < first + runs; ++number) {
    alarm(kHang);
    const std::size_t size = make_input(data);
    // In memory of its exact size, whose ends the sanitizer watches.
    const std::vector<std::uint8_t> input(data.begin(),
                                          data.begin() + static_cast<std::ptrdiff_t>(size));
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%llu runs\n", static_cast<unsigned long long>(runs));
  return 0;
}
