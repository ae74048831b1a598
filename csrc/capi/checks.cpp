#include "checks.h"

#include <cstdarg>
#include <cstdio>

#include "../model/inputs.h"

namespace wavehax {
namespace {

// The limit on the frames of one call. The product of frames and any size in a model, such as
// n_mels, then fits 64 bits.
constexpr std::int64_t kMaxFrames = std::int64_t{1} << 40;

}  // namespace

wavehax_status fail(wavehax_error* error, wavehax_status status, const char* format, ...) {
  if (error == nullptr) return status;
  va_list values;
  va_start(values, format);
  std::vsnprintf(error->message, sizeof error->message, format, values);
  va_end(values);
  // Names come from files of unknown origin, and a terminal might obey control characters in them.
  for (char* c = error->message; *c != '\0'; ++c)
    if (*c < ' ' || *c > '~') *c = '?';
  return status;
}

wavehax_status null_argument(wavehax_error* error, const char* argument) {
  return fail(error, WAVEHAX_ERROR_ARGUMENT, "%s is null", argument);
}

wavehax_status check_mel(const float* mel, std::int64_t frames, int n_mels, std::int64_t first,
                         wavehax_error* error) {
  if (frames < 0 || frames > kMaxFrames)
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "frames is %lld: expected 0 to 2**40",
                static_cast<long long>(frames));
  if (mel == nullptr && frames > 0) return null_argument(error, "mel");
  const std::int64_t bad = first_not_finite({mel, 1, n_mels}, frames, n_mels);
  if (bad == frames * n_mels) return WAVEHAX_OK;
  return fail(error, WAVEHAX_ERROR_ARGUMENT,
              "mel is %g in band %d of frame %lld: expected finite values",
              static_cast<double>(mel[bad]), static_cast<int>(bad % n_mels),
              static_cast<long long>(first + bad / n_mels));
}

wavehax_status check_f0(const float* f0, std::int64_t frames, std::int64_t first,
                        wavehax_error* error) {
  const std::int64_t bad = f0 == nullptr ? frames : first_no_pitch(f0, frames);
  if (bad == frames) return WAVEHAX_OK;
  return fail(error, WAVEHAX_ERROR_ARGUMENT,
              "f0 is %g in frame %lld: expected at least %g Hz, or 0 where unvoiced",
              static_cast<double>(f0[bad]), static_cast<long long>(first + bad),
              static_cast<double>(kMinF0));
}

wavehax_status check_size(std::size_t size, std::size_t known, const char* argument,
                          wavehax_error* error) {
  if (size >= known) return WAVEHAX_OK;
  return fail(error, WAVEHAX_ERROR_ARGUMENT, "%s.size is %zu: expected sizeof, %zu or more",
              argument, size, known);
}

wavehax_status check_room(std::int64_t samples, const float* wave, std::int64_t capacity,
                          wavehax_error* error) {
  if (capacity < samples)
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "capacity is %lld: expected room for %lld samples",
                static_cast<long long>(capacity), static_cast<long long>(samples));
  return wave == nullptr && samples > 0 ? null_argument(error, "wave") : WAVEHAX_OK;
}

}  // namespace wavehax
