#include "depthwise.h"

#include <algorithm>
#include <vector>

#include "../kernels/parallel.h"
#include "rows.h"

namespace wavehax::training {
namespace {

// Most bins of one work item: many compared with kernel_bins, whose rows are made twice at a border
// of items, and few compared with those of a batch, which the threads share.
constexpr long kBlockBins = 64;

long blocks_in(const Depthwise& d) { return (d.bins + kBlockBins - 1) / kBlockBins; }

// Work item i: bins first to last - 1 of one utterance.
struct Block {
  Block(const Depthwise& d, long i) {
    const long count = blocks_in(d), part = i % count;
    item = i / count;
    first = d.bins * part / count;
    last = d.bins * (part + 1) / count;
  }

  long item, first, last;
};

// Returns the weights as kernels read them, [kernel_bins][kernel_frames][padded channels]; with
// `reversed` the frames are in reverse order.
Floats pack(const Depthwise& d, const float* weight, bool reversed) {
  const int width = padded(d.channels);
  Floats packed(d.kernel_bins * d.kernel_frames * width);
  for (int c = 0; c < d.channels; ++c)
    for (int i = 0; i < d.kernel_bins; ++i)
      for (int j = 0; j < d.kernel_frames; ++j) {
        const int at = i * d.kernel_frames + (reversed ? d.kernel_frames - 1 - j : j);
        packed[at * width + c] = *weight++;
      }
  return packed;
}

// x in padded rows, made when an output needs them.
class Input {
 public:
  // `positions` is what kernels read at a time, at least the frames.
  Input(const Depthwise& shape, long positions, const float* x)
      : d_(shape),
        x_(x),
        width_(padded(d_.channels)),
        cache_(d_.kernel_bins, (positions + d_.kernel_frames - 1) * width_),
        seen_(d_.kernel_bins) {}

  void clear() { cache_.clear(); }

  // Returns the kernel_bins rows of x that bin f of the output is computed from.
  const float* const* seen_from(long item, long f) {
    for (int i = 0; i < d_.kernel_bins; ++i) {
      const long source = reflect(f + i - d_.kernel_bins / 2, d_.bins);
      seen_[i] = cache_.get(source, [&](float* row) { fill(x_ + d_.row(item, source), row); });
    }
    return seen_.data();
  }

 private:
  void fill(const float* from, float* row) const {
    widen(from, d_.frames, d_.channels, row + d_.before * width_);
    if (d_.border == Border::kZeros) return;
    for (long t = 0; t < d_.frames + d_.kernel_frames - 1; ++t)
      if (t < d_.before || t >= d_.before + d_.frames)
        widen(from + reflect(t - d_.before, d_.frames) * d_.channels, 1, d_.channels,
              row + t * width_);
  }

  const Depthwise& d_;
  const float* x_;
  int width_;
  RowCache cache_;
  std::vector<const float*> seen_;
};

// The gradient of the output in rows with kernel_frames - 1 zeros before and behind, and the
// gradient of x computed from it.
class InputGradient {
 public:
  InputGradient(const Kernels& kernels, const Depthwise& shape, const OutputGradient& gradient,
                const Floats& reversed)
      : kernels_(kernels),
        d_(shape),
        gradient_(gradient),
        reversed_(reversed.data()),
        width_(padded(d_.channels)),
        first_(d_.border == Border::kZeros ? d_.before : 0),
        positions_(
            round_up(d_.border == Border::kZeros ? d_.frames : d_.frames + d_.kernel_frames - 1,
                     kernels.positions)),
        cache_(d_.kernel_bins, (first_ + positions_ + d_.kernel_frames - 1) * width_),
        padded_(positions_ * width_) {}

  void clear() { cache_.clear(); }

  // Returns bin f of the gradient of the output from its first frame on, with zeros up to a
  // multiple of Kernels::positions.
  const float* row(long item, long f) {
    return padded_row(item, f) + (d_.kernel_frames - 1) * width_;
  }

  // Computes bin f of the gradient of x and adds `residual`. Bin f receives gradients through its
  // own place among the padded bins and through its mirror images.
  void write(long item, long f, const float* residual, float* out) {
    const long half = d_.kernel_bins / 2, image = 2 * (d_.bins - 1) - f;
    rows_.clear();
    weights_.clear();
    gather(item, f + half);
    if (f > 0 && f <= half) gather(item, half - f);
    if (image >= d_.bins && image < d_.bins + half) gather(item, half + image);
    kernels_.convolve(rows_.data(), weights_.data(), static_cast<int>(rows_.size()),
                      d_.kernel_frames, positions_, width_, padded_.data());
    fold(residual, out);
  }

 private:
  const float* padded_row(long item, long f) {
    return cache_.get(
        f, [&](float* row) { fill(d_.row(item, f), row + (d_.kernel_frames - 1) * width_); });
  }

  void fill(long at, float* __restrict row) const {
    const float* __restrict grad = gradient_.grad + at;
    const float* __restrict out = gradient_.out + at;
    const float* __restrict offset = gradient_.offset, * __restrict slope = gradient_.slope;
    for (long t = 0; t < d_.frames; ++t, grad += d_.channels, out += d_.channels, row += width_)
      for (int c = 0; c < d_.channels; ++c) row[c] = grad[c] + offset[c] + slope[c] * out[c];
  }

  // Collects the bins of the output that padded bin p contributes to, and their weights.
  void gather(long item, long p) {
    for (int i = 0; i < d_.kernel_bins; ++i) {
      if (p - i < 0 || p - i >= d_.bins) continue;
      rows_.push_back(padded_row(item, p - i) + first_ * width_);
      weights_.push_back(reversed_ + i * d_.kernel_frames * width_);
    }
  }

  // Adds the gradient of padding frames to the frames that they are images of.
  void fold(const float* __restrict residual, float* __restrict out) const {
    const float* __restrict from = padded_.data() + (d_.before - first_) * width_;
    for (long t = 0; t < d_.frames; ++t, from += width_)
      for (int c = 0; c < d_.channels; ++c)
        out[t * d_.channels + c] = residual[t * d_.channels + c] + from[c];
    if (d_.border == Border::kZeros) return;
    for (long t = 0; t < d_.frames + d_.kernel_frames - 1; ++t) {
      if (t >= d_.before && t < d_.before + d_.frames) continue;
      float* to = out + reflect(t - d_.before, d_.frames) * d_.channels;
      for (int c = 0; c < d_.channels; ++c) to[c] += padded_[t * width_ + c];
    }
  }

  const Kernels& kernels_;
  const Depthwise& d_;
  const OutputGradient& gradient_;
  const float* reversed_;
  int width_;
  // The padded frames whose gradient is wanted: positions_ frames from first_ on.
  long first_, positions_;
  RowCache cache_;
  Floats padded_;
  std::vector<const float*> rows_, weights_;
};

// The sum of the values of each channel, and the sum of their squares.
struct Moments {
  explicit Moments(int width) : sum(width), squares(width) {}

  // Sums the squares of a row around its mean in float32, and the rows around zero in float64, so
  // that no digits are lost.
  void add(const Kernels& kernels, const float* row, long frames, int width) {
    Floats mean(width), deviations(width);
    kernels.column_sums(row, frames, width, mean.data());
    for (float& m : mean) m /= static_cast<float>(frames);
    kernels.column_squares(row, mean.data(), frames, width, deviations.data());
    for (int c = 0; c < width; ++c) {
      sum[c] += static_cast<double>(mean[c]) * frames;
      squares[c] += deviations[c] + static_cast<double>(mean[c]) * mean[c] * frames;
    }
  }

  std::vector<double> sum, squares;
};

// Computes mean and variance from the moments of all work items, in their order.
void mean_and_variance(const Depthwise& d, const std::vector<Moments>& items, float* mean,
                       float* variance) {
  const double count = static_cast<double>(d.batch * d.bins * d.frames);
  for (int c = 0; c < d.channels; ++c) {
    double sum = 0.0, squares = 0.0;
    for (const Moments& moments : items) sum += moments.sum[c], squares += moments.squares[c];
    mean[c] = static_cast<float>(sum / count);
    variance[c] =
        static_cast<float>(std::max(0.0, squares / count - (sum / count) * (sum / count)));
  }
}

// Computes grad_weight from the sums of all work items, in their order.
void add_up(const Depthwise& d, const Floats& sums, long items, float* grad_weight) {
  const long taps = static_cast<long>(d.kernel_bins) * d.kernel_frames, width = padded(d.channels);
  for (long k = 0; k < taps; ++k)
    for (int c = 0; c < d.channels; ++c) {
      double total = 0.0;
      for (long i = 0; i < items; ++i) total += sums[(i * taps + k) * width + c];
      grad_weight[c * taps + k] = static_cast<float>(total);
    }
}

}  // namespace

void depthwise_forward(const Kernels& kernels, const Depthwise& d, const float* x,
                       const float* weight, int threads, float* out, float* mean, float* variance) {
  const Floats packed = pack(d, weight, false);
  const int width = padded(d.channels);
  const long items = d.batch * blocks_in(d), positions = round_up(d.frames, kernels.positions);
  std::vector<const float*> weights;
  for (int i = 0; i < d.kernel_bins; ++i)
    weights.push_back(packed.data() + i * d.kernel_frames * width);
  std::vector<Moments> moments(items, Moments(width));
  parallel(items, threads, [&] {
    return [&, input = Input(d, positions, x), row = Floats(positions * width)](long i) mutable {
      const Block block(d, i);
      input.clear();
      for (long f = block.first; f < block.last; ++f) {
        kernels.convolve(input.seen_from(block.item, f), weights.data(), d.kernel_bins,
                         d.kernel_frames, positions, width, row.data());
        moments[i].add(kernels, row.data(), d.frames, width);
        narrow(row.data(), d.frames, d.channels, out + d.row(block.item, f));
      }
    };
  });
  mean_and_variance(d, moments, mean, variance);
}

void depthwise_backward(const Kernels& kernels, const Depthwise& d, const float* x,
                        const float* weight, const OutputGradient& gradient,
                        const float* grad_residual, int threads, float* grad_x,
                        float* grad_weight) {
  const Floats reversed = pack(d, weight, true);
  const int width = padded(d.channels);
  const long items = d.batch * blocks_in(d), positions = round_up(d.frames, kernels.positions);
  Floats sums(items * reversed.size());
  parallel(items, threads, [&] {
    return [&, input = Input(d, positions, x),
            backward = InputGradient(kernels, d, gradient, reversed)](long i) mutable {
      const Block block(d, i);
      input.clear();
      backward.clear();
      for (long f = block.first; f < block.last; ++f) {
        const long at = d.row(block.item, f);
        backward.write(block.item, f, grad_residual + at, grad_x + at);
        kernels.correlate(input.seen_from(block.item, f), backward.row(block.item, f),
                          d.kernel_bins, d.kernel_frames, positions, width,
                          sums.data() + i * reversed.size());
      }
    };
  });
  add_up(d, sums, items, grad_weight);
}

}  // namespace wavehax::training
