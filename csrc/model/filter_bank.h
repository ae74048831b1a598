// The streams of a multi-stream generator: analysis filters and decimation, and back (docs/design.md#multi-stream;
// arXiv 2506.03554 section 3). Twin of nn/multistream.py.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../signal/buffers.h"
#include "layers.h"

namespace wavehax {

// What the filters see beyond the ends of the utterance.
enum class FilterBorder {
  kZeros,
  kReflect,
  kMute,  // analysis output is zero where the filter is not wholly inside; synthesis sees zeros
};

// Immutable. Filters of an odd number of taps are centred; those of a wavelet packet (as many taps as streams) turn every
// block of `streams` samples into one sample a stream, and back.
class FilterBank {
 public:
  // analysis, synthesis: [streams][taps].
  FilterBank(int streams, int taps, bool wavelet, FilterBorder border, const float* analysis, const float* synthesis);

  int streams() const { return streams_; }
  int taps() const { return taps_; }

  static constexpr int kRows = 8;  // results computed together

  // Samples of every stream that the first `samples` of the full band complete, and the other way round.
  std::int64_t analysed(std::int64_t samples) const;
  std::int64_t synthesised(std::int64_t stream_samples) const;

  // Appends to each of `out` what can be computed, dropping from `in` what is no longer needed. scratch: [scratch_size]; windows: [kRows * streams].
  void analyse(const Kernels& kernels, SampleBuffer& in, std::vector<SampleBuffer>& out, float* scratch) const;
  void synthesise(const Kernels& kernels, std::vector<SampleBuffer>& in, SampleBuffer& out, float* scratch,
                  const float** windows) const;
  int scratch_size() const { return kRows * std::max(analysis_.columns, synthesis_.columns); }

 private:
  float analysed_sample(const SampleBuffer& in, std::int64_t first, int stream) const;
  float synthesised_sample(const std::vector<SampleBuffer>& in, std::int64_t first) const;

  int streams_, taps_;
  int analysis_left_, synthesis_left_;  // tap i of an output at n meets input n + i - left
  FilterBorder border_;
  int synthesis_first_;   // sample of a stream, counted from the block of outputs, that the first weight of synthesis_ meets
  Floats analysis_taps_;   // [streams][taps], for the ends of the utterance
  Floats synthesis_taps_;  // the same; times the gain that makes up for the inserted zeros
  Projection analysis_;   // from the samples under the filters to one of each stream
  Projection synthesis_;  // from samples of the streams, as taps, to a block of as many outputs; of inserted zeros none is met
};

}  // namespace wavehax
