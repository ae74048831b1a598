#include "checks.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace wavehax {
namespace {

constexpr std::int64_t kMaxFrames = std::int64_t{1} << 40;  // products of it with sizes of a model stay within 64 bits
constexpr float kMinF0 = 1.0f;                              // Hz; wavehax.inputs.MIN_F0

}  // namespace

wavehax_status fail(wavehax_error* error, wavehax_status status, const char* format, ...) {
  if (error == nullptr) return status;
  va_list values;
  va_start(values, format);
  std::vsnprintf(error->message, sizeof error->message, format, values);
  va_end(values);
  for (char* c = error->message; *c != '\0'; ++c)
    if (*c < ' ' || *c > '~') *c = '?';  // names in files are anyone's: a terminal might obey them
  return status;
}

wavehax_status null(wavehax_error* error, const char* argument) {
  return fail(error, WAVEHAX_ERROR_ARGUMENT, "%s is null", argument);
}

wavehax_status check_mel(const float* mel, std::int64_t frames, int n_mels, std::int64_t first, wavehax_error* error) {
  if (frames < 0 || frames > kMaxFrames)
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "frames is %lld: expected 0 to 2**40", static_cast<long long>(frames));
  if (mel == nullptr && frames > 0) return null(error, "mel");
  for (std::int64_t t = 0; t < frames; ++t)
    for (int k = 0; k < n_mels; ++k)
      if (!std::isfinite(mel[t * n_mels + k]))
        return fail(error, WAVEHAX_ERROR_ARGUMENT, "mel is %g in band %d of frame %lld: expected finite values",
                    static_cast<double>(mel[t * n_mels + k]), k, static_cast<long long>(first + t));
  return WAVEHAX_OK;
}

wavehax_status check_f0(const float* f0, std::int64_t frames, std::int64_t first, wavehax_error* error) {
  for (std::int64_t t = 0; f0 != nullptr && t < frames; ++t)
    if (!std::isfinite(f0[t]) || (f0[t] != 0.0f && f0[t] < kMinF0))
      return fail(error, WAVEHAX_ERROR_ARGUMENT, "f0 is %g in frame %lld: expected at least 1 Hz, or 0 where unvoiced",
                  static_cast<double>(f0[t]), static_cast<long long>(first + t));
  return WAVEHAX_OK;
}

wavehax_status check_room(std::int64_t samples, const float* wave, std::int64_t capacity, wavehax_error* error) {
  if (capacity < samples)
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "capacity is %lld: expected room for %lld samples",
                static_cast<long long>(capacity), static_cast<long long>(samples));
  return wave == nullptr && samples > 0 ? null(error, "wave") : WAVEHAX_OK;
}

}  // namespace wavehax
