#include "filter_bank.h"

namespace wavehax {
namespace {

// A packet's synthesis weight i scatters a sample to position i of its block; the filter gathers, so it runs backwards.
Floats gathering(const float* synthesis, int streams, int taps, bool wavelet) {
  Floats result(synthesis, synthesis + streams * taps);
  for (int s = 0; s < streams; ++s)
    for (int i = 0; i < taps; ++i)
      result[s * taps + i] = wavelet ? synthesis[s * taps + taps - 1 - i] : synthesis[s * taps + i] * streams;
  return result;
}

// a / b rounded down, b > 0.
int floor_divide(int a, int b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

// Output q of a block meets, through weight i, sample (q - left + i) / streams of a stream where that is whole. As a convolution
// whose taps are the streams: [streams][samples][streams].
Projection synthesis_projection(const Floats& taps_of, int streams, int taps, int left, int first) {
  const int samples = floor_divide(streams - 1 - left + taps - 1, streams) - first + 1;
  std::vector<float> weight(static_cast<std::size_t>(streams) * samples * streams);
  for (int q = 0; q < streams; ++q)
    for (int d = 0; d < samples; ++d)
      for (int s = 0; s < streams; ++s) {
        const int i = streams * (first + d) - q + left;
        if (i >= 0 && i < taps) weight[(q * samples + d) * streams + s] = taps_of[s * taps + i];
      }
  return Projection(weight.data(), nullptr, streams, samples, streams, Precision::kFp32);
}

}  // namespace

FilterBank::FilterBank(int streams, int taps, bool wavelet, FilterBorder border, const float* analysis, const float* synthesis)
    : streams_(streams),
      taps_(taps),
      analysis_left_(wavelet ? 0 : taps / 2),
      synthesis_left_(wavelet ? taps - 1 : taps / 2),
      border_(border),
      synthesis_first_(floor_divide(streams - 1 - synthesis_left_, streams)),
      analysis_taps_(analysis, analysis + streams * taps),
      synthesis_taps_(gathering(synthesis, streams, taps, wavelet)),
      analysis_(analysis, nullptr, streams, taps, 1, Precision::kFp32),
      synthesis_(synthesis_projection(synthesis_taps_, streams, taps, synthesis_left_, synthesis_first_)) {}

std::int64_t FilterBank::analysed(std::int64_t samples) const {
  const int right = taps_ - 1 - analysis_left_;
  return samples > right ? (samples - 1 - right) / streams_ + 1 : 0;
}

// Whole blocks.
std::int64_t FilterBank::synthesised(std::int64_t stream_samples) const {
  const int right = taps_ - 1 - synthesis_left_;
  return std::max<std::int64_t>(0, stream_samples * streams_ - right) / streams_ * streams_;
}

void FilterBank::analyse(const Kernels& kernels, SampleBuffer& in, std::vector<SampleBuffer>& out, float* scratch) const {
  const std::int64_t total = in.end(), until = in.ended() ? total / streams_ : analysed(total);
  const float* windows[kRows];
  float* rows[kRows];
  for (std::int64_t j = out[0].end(); j < until;) {
    const std::int64_t first = j * streams_ - analysis_left_, room = total - taps_ - first;
    const bool inside = first >= 0 && room >= 0;
    const int count = inside ? static_cast<int>(std::min({std::int64_t{kRows}, until - j, room / streams_ + 1})) : 1;
    for (int r = 0; r < count; ++r) {
      windows[r] = inside ? in.from(first + r * streams_) : nullptr;
      rows[r] = scratch + r * analysis_.columns;
    }
    if (inside) analysis_.run(kernels, windows, count, rows);
    for (int s = 0; s < streams_; ++s) {
      float* to = out[s].extend(count);
      for (int r = 0; r < count; ++r) to[r] = inside ? rows[r][s] : analysed_sample(in, first, s);
    }
    j += count;
  }
  if (!in.ended()) return in.drop(until * streams_ - 2 * taps_);
  for (SampleBuffer& stream : out) stream.finish();
}

// At an end of the utterance.
float FilterBank::analysed_sample(const SampleBuffer& in, std::int64_t first, int stream) const {
  float sum = 0.0f;
  for (int i = 0; i < taps_ && border_ != FilterBorder::kMute; ++i) {
    const std::int64_t n = border_ == FilterBorder::kReflect ? reflect(first + i, in.end()) : first + i;
    if (n >= 0 && n < in.end()) sum += *in.from(n) * analysis_taps_[stream * taps_ + i];
  }
  return sum;
}

void FilterBank::synthesise(const Kernels& kernels, std::vector<SampleBuffer>& in, SampleBuffer& out, float* scratch,
                            const float** windows) const {
  const bool ended = in[0].ended();
  const std::int64_t total = in[0].end() * streams_, until = ended ? total : synthesised(in[0].end());
  float* rows[kRows];
  for (std::int64_t block = out.end() / streams_; block * streams_ < until;) {
    const std::int64_t first = block * streams_ - synthesis_left_, room = total - (streams_ - 1) - taps_ - first;
    const bool inside = first >= 0 && room >= 0;
    const std::int64_t left = until / streams_ - block;
    const int count = inside ? static_cast<int>(std::min({std::int64_t{kRows}, left, room / streams_ + 1})) : 1;
    for (int r = 0; r < count && inside; ++r) {
      for (int s = 0; s < streams_; ++s) windows[r * streams_ + s] = in[s].from(block + r + synthesis_first_);
      rows[r] = scratch + r * synthesis_.columns;
    }
    if (inside) synthesis_.run(kernels, windows, count, rows);
    float* to = out.extend(count * streams_);
    for (int n = 0; n < count * streams_; ++n)
      to[n] = inside ? rows[n / streams_][n % streams_] : synthesised_sample(in, first + n);
    block += count;
  }
  if (ended) return out.finish();
  for (SampleBuffer& stream : in) stream.drop((until - 2 * taps_) / streams_);
}

// At an end of the utterance.
float FilterBank::synthesised_sample(const std::vector<SampleBuffer>& in, std::int64_t first) const {
  const std::int64_t total = in[0].end() * streams_;
  float sum = 0.0f;
  for (int s = 0; s < streams_; ++s)
    for (int i = 0; i < taps_; ++i) {
      const std::int64_t at = border_ == FilterBorder::kReflect ? reflect(first + i, total) : first + i;
      if (at >= 0 && at < total && at % streams_ == 0) sum += *in[s].from(at / streams_) * synthesis_taps_[s * taps_ + i];
    }
  return sum;
}

}  // namespace wavehax
