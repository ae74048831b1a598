#include "checks.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "../model/inputs.h"

namespace wavehax {
namespace {

// The limit on the frames of one call. The product of frames and any size in a model, such as
// n_mels, then fits 64 bits.
constexpr std::int64_t kMaxFrames = std::int64_t{1} << 40;

bool is_pitch(double f0) { return f0 >= kMinF0 && std::isfinite(static_cast<float>(f0)); }

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

wavehax_status read_scales(double f0_scale, double formant_scale, Scales& scales,
                           wavehax_error* error) {
  if (!(std::isfinite(f0_scale) && f0_scale >= 0.0))
    return fail(error, WAVEHAX_ERROR_ARGUMENT,
                "f0_scale is %g: expected a finite number, more than 0, or 0 for 1", f0_scale);
  if (formant_scale != 0.0 &&
      !(formant_scale >= kMinFormantScale && formant_scale <= kMaxFormantScale))
    return fail(error, WAVEHAX_ERROR_ARGUMENT, "formant_scale is %g: expected %g to %g, or 0 for 1",
                formant_scale, kMinFormantScale, kMaxFormantScale);
  scales = {f0_scale == 0.0 ? 1.0 : f0_scale, formant_scale == 0.0 ? 1.0 : formant_scale};
  return WAVEHAX_OK;
}

wavehax_status check_scaled_f0(const float* f0, std::int64_t frames, std::int64_t first,
                               const Scales& scales, wavehax_error* error) {
  for (std::int64_t t = 0; t < frames && scales.f0 != 1.0; ++t)
    if (f0[t] != 0.0f && !is_pitch(f0[t] * scales.f0))
      return fail(error, WAVEHAX_ERROR_ARGUMENT,
                  "f0 is %g in frame %lld, and %g times f0_scale: expected at least %g Hz",
                  static_cast<double>(f0[t]), static_cast<long long>(first + t), f0[t] * scales.f0,
                  static_cast<double>(kMinF0));
  return WAVEHAX_OK;
}

wavehax_status check_scaled_f0(const F0Predictor& predictor, const Scales& scales,
                               wavehax_error* error) {
  if (scales.f0 == 1.0) return WAVEHAX_OK;
  const F0Config& c = predictor.config;
  const double low = c.f0_min, high = low * std::exp2((c.num_bins - 1) * c.bin_cents / 1200.0);
  if (is_pitch(low * scales.f0) && is_pitch(high * scales.f0)) return WAVEHAX_OK;
  return fail(error, WAVEHAX_ERROR_ARGUMENT,
              "f0_scale is %g: out of range for the F0 of this model, %g to %g Hz", scales.f0, low,
              high);
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
