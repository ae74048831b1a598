// The filter bank of a multi-stream generator: splits samples into streams of a lower rate and
// joins them again (docs/design.md#multi-stream; arXiv 2506.03554 section 3). Twin of
// nn/multistream.py.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../signal/buffers.h"
#include "layers.h"

namespace wavehax {

// What the filters see beyond the ends of the utterance.
enum class FilterBorder {
  // Analysis puts out zeros where the filter is not wholly inside. Synthesis sees zeros.
  kZeros,
  kReflect,
  kMute,
};

// Immutable. Filters with an odd number of taps are centred. Those of a wavelet packet have one tap
// for each stream: they turn a block of `streams` samples into one sample of each stream, and back.
class FilterBank {
 public:
  // `analysis` and `synthesis`: [streams][taps].
  FilterBank(int streams, int taps, bool wavelet, FilterBorder border, const float* analysis,
             const float* synthesis);

  int streams() const { return streams_; }
  int taps() const { return taps_; }

  // Most results computed together, so that the weights are read once for all.
  static constexpr int kRows = 8;

  // Return how many samples of each stream the first `samples` samples of the full band complete,
  // and how many samples of the full band the first `stream_samples` of each stream complete.
  std::int64_t analysed(std::int64_t samples) const;
  std::int64_t synthesised(std::int64_t stream_samples) const;

  // Append to `out` all that can be computed, and drop from `in` the samples no longer needed.
  // scratch: [scratch_size]; windows: [kRows * streams].
  void analyse(const Kernels& kernels, SampleBuffer& in, std::vector<SampleBuffer>& out,
               float* scratch) const;
  void synthesise(const Kernels& kernels, std::vector<SampleBuffer>& in, SampleBuffer& out,
                  float* scratch, const float** windows) const;
  int scratch_size() const { return kRows * std::max(analysis_.columns, synthesis_.columns); }

 private:
  float analysed_sample(const SampleBuffer& in, std::int64_t first, int stream) const;
  float synthesised_sample(const std::vector<SampleBuffer>& in, std::int64_t first) const;

  int streams_, taps_;
  // Tap i of the output at n multiplies the input at n + i - left.
  int analysis_left_, synthesis_left_;
  FilterBorder border_;
  // The sample of a stream that the first weight of synthesis_ multiplies, counted from the sample
  // at the block of outputs.
  int synthesis_first_;
  // [streams][taps], for the ends of the utterance. Those of synthesis are in the form that
  // `gathering` in filter_bank.cpp gives them.
  Floats analysis_taps_, synthesis_taps_;
  // From the samples under the filters to one sample of each stream.
  Projection analysis_;
  // From samples of the streams (the taps of this projection) to a block of `streams` samples. The
  // zeros between the samples of a stream are skipped.
  Projection synthesis_;
};

}  // namespace wavehax
