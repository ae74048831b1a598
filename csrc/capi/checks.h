// Checks of the arguments of the C interface, and its failures: a status and a message. Twin of
// wavehax/checks.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>

#include "../signal/scaler.h"
#include "../voice/f0.h"
#include "wavehax.h"

namespace wavehax {

// Returns `status`, after writing the formatted text to `error` in printable ASCII, unless it is
// null. Allocates nothing.
__attribute__((format(printf, 3, 4))) wavehax_status fail(wavehax_error* error,
                                                          wavehax_status status, const char* format,
                                                          ...);

// Fails because `argument` is null.
wavehax_status null_argument(wavehax_error* error, const char* argument);

// Calls work() and turns its exceptions into statuses. Those that name a mistake become `mistake`.
template <typename Work>
wavehax_status guarded(wavehax_error* error, wavehax_status mistake, Work work) {
  try {
    work();
    return WAVEHAX_OK;
  } catch (const std::invalid_argument& problem) {
    return fail(error, mistake, "%s", problem.what());
    // bad_alloc or length_error, or system_error if no thread can be started
  } catch (const std::exception& problem) {
    return fail(error, WAVEHAX_ERROR_RESOURCE, "memory or threads ran out: %s", problem.what());
  }
}

// Refuse values that no model can take. Messages count frames from `first`.
wavehax_status check_mel(const float* mel, std::int64_t frames, int n_mels, std::int64_t first,
                         wavehax_error* error);
wavehax_status check_f0(const float* f0, std::int64_t frames, std::int64_t first,
                        wavehax_error* error);

// Reads the factors of F0 and of formants. 0 means 1.
wavehax_status read_scales(double f0_scale, double formant_scale, Scales& scales,
                           wavehax_error* error);

// Refuse F0 that is no pitch (is_pitch) once it is scaled: the given contour, or any F0 that
// `predictor` may predict.
wavehax_status check_scaled_f0(const float* f0, std::int64_t frames, std::int64_t first,
                               const Scales& scales, wavehax_error* error);
wavehax_status check_scaled_f0(const F0Predictor& predictor, const Scales& scales,
                               wavehax_error* error);

// Refuses a struct of the caller whose first member, its size, is below the size that this library
// knows.
wavehax_status check_size(std::size_t size, std::size_t known, const char* argument,
                          wavehax_error* error);

// Copies options, or sets defaults for null. Members that this library does not know must be zero.
template <typename Options>
wavehax_status read_options(const Options* given, Options& options, wavehax_error* error) {
  options = {};
  if (given == nullptr) return WAVEHAX_OK;
  if (const wavehax_status status = check_size(given->size, sizeof options, "options", error))
    return status;
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof options; i < given->size; ++i)
    if (bytes[i] != 0)
      return fail(error, WAVEHAX_ERROR_ARGUMENT,
                  "options has a member at byte %zu that is not known to version %s", i,
                  WAVEHAX_VERSION);
  options = *given;
  return WAVEHAX_OK;
}

// Refuses a `wave` without room for `samples`.
wavehax_status check_room(std::int64_t samples, const float* wave, std::int64_t capacity,
                          wavehax_error* error);

}  // namespace wavehax
