#include "filter_bank.h"

#include <algorithm>

namespace wavehax {

FilterBank::FilterBank(int streams, int taps, bool wavelet, FilterBorder border, const float* analysis, const float* synthesis)
    : streams_(streams),
      taps_(taps),
      analysis_left_(wavelet ? 0 : taps / 2),
      synthesis_left_(wavelet ? taps - 1 : taps / 2),
      border_(border),
      analysis_(streams * taps),
      synthesis_(streams * taps) {
  for (int s = 0; s < streams; ++s)
    for (int i = 0; i < taps; ++i) {
      analysis_[i * streams + s] = analysis[s * taps + i];
      // A packet's synthesis weight i scatters a sample to position i of its block; the filter gathers, so it runs backwards.
      synthesis_[s * taps + i] = wavelet ? synthesis[s * taps + taps - 1 - i] : synthesis[s * taps + i] * streams;
    }
}

std::int64_t FilterBank::analysed(std::int64_t samples) const {
  const int right = taps_ - 1 - analysis_left_;
  return samples > right ? (samples - 1 - right) / streams_ + 1 : 0;
}

std::int64_t FilterBank::synthesised(std::int64_t stream_samples) const {
  const int right = taps_ - 1 - synthesis_left_;
  return std::max<std::int64_t>(0, stream_samples * streams_ - right);
}

void FilterBank::analyse(SampleBuffer& in, std::vector<SampleBuffer>& out) const {
  const std::int64_t total = in.end(), until = in.ended() ? total / streams_ : analysed(total);
  for (std::int64_t j = out[0].end(); j < until; ++j) {
    const std::int64_t first = j * streams_ - analysis_left_;
    const bool inside = first >= 0 && first + taps_ <= total, mute = !inside && border_ == FilterBorder::kMute;
    for (int s = 0; s < streams_; ++s) {
      float sum = 0.0f;
      for (int i = 0; i < taps_ && !mute; ++i) {
        std::int64_t n = first + i;
        if (!inside && border_ == FilterBorder::kReflect) n = reflect(n, total);
        if (n >= 0 && n < total) sum += *in.from(n) * analysis_[i * streams_ + s];
      }
      *out[s].extend(1) = sum;
    }
  }
  if (!in.ended()) return in.drop(until * streams_ - 2 * taps_);
  for (SampleBuffer& stream : out) stream.finish();
}

// Of the inserted zeros nothing is computed: only taps that meet a sample of a stream count.
void FilterBank::synthesise(std::vector<SampleBuffer>& in, SampleBuffer& out) const {
  const bool ended = in[0].ended(), mirrored = border_ == FilterBorder::kReflect;
  const std::int64_t total = in[0].end() * streams_, until = ended ? total : synthesised(in[0].end());
  for (std::int64_t n = out.end(); n < until; ++n) {
    const std::int64_t first = n - synthesis_left_;
    const bool inside = first >= 0 && first + taps_ <= total;
    const int offset = static_cast<int>(((-first) % streams_ + streams_) % streams_);
    float sum = 0.0f;
    for (int s = 0; s < streams_; ++s)
      for (int i = inside ? offset : 0; i < taps_; i += inside ? streams_ : 1) {
        std::int64_t at = first + i;
        if (!inside && mirrored) at = reflect(at, total);
        if (at >= 0 && at < total && at % streams_ == 0) sum += *in[s].from(at / streams_) * synthesis_[s * taps_ + i];
      }
    *out.extend(1) = sum;
  }
  if (ended) return out.finish();
  for (SampleBuffer& stream : in) stream.drop((until - 2 * taps_) / streams_);
}

}  // namespace wavehax
