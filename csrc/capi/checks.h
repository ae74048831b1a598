// What a call of the C interface is given, checked, and failures as statuses with words. As wavehax/checks.py for Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>

#include "wavehax.h"

namespace wavehax {

// The status itself, once `error`, unless null, holds the formatted text in printable ASCII. Allocates nothing.
__attribute__((format(printf, 3, 4))) wavehax_status fail(wavehax_error* error, wavehax_status status, const char* format, ...);

wavehax_status null(wavehax_error* error, const char* argument);

// `work`, whose exceptions become statuses; those that name a mistake become `mistake`.
template <typename Work>
wavehax_status guarded(wavehax_error* error, wavehax_status mistake, Work work) {
  try {
    work();
    return WAVEHAX_OK;
  } catch (const std::invalid_argument& problem) {
    return fail(error, mistake, "%s", problem.what());
  } catch (const std::exception& problem) {  // bad_alloc, length_error; system_error where no thread can be had
    return fail(error, WAVEHAX_ERROR_RESOURCE, "memory or threads ran out: %s", problem.what());
  }
}

// Frames are counted from `first` in messages.
wavehax_status check_mel(const float* mel, std::int64_t frames, int n_mels, std::int64_t first, wavehax_error* error);
wavehax_status check_f0(const float* f0, std::int64_t frames, std::int64_t first, wavehax_error* error);

// A struct of the caller's whose first member is its size: at least that which this library knows.
wavehax_status check_size(std::size_t size, std::size_t known, const char* argument, wavehax_error* error);

// Copies options, or defaults for null. Members that this library does not know must be zero.
template <typename Options>
wavehax_status read_options(const Options* given, Options& options, wavehax_error* error) {
  options = {};
  if (given == nullptr) return WAVEHAX_OK;
  if (const wavehax_status status = check_size(given->size, sizeof options, "options", error)) return status;
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof options; i < given->size; ++i)
    if (bytes[i] != 0)
      return fail(error, WAVEHAX_ERROR_ARGUMENT, "options has a member at byte %zu that is not known to version %s", i,
                  WAVEHAX_VERSION);
  options = *given;
  return WAVEHAX_OK;
}

// Whether `samples` fit into the caller's `wave`.
wavehax_status check_room(std::int64_t samples, const float* wave, std::int64_t capacity, wavehax_error* error);

}  // namespace wavehax
