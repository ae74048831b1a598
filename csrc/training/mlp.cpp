#include "mlp.h"

#include <algorithm>

#include "../kernels/parallel.h"
#include "rows.h"

namespace wavehax::training {
namespace {

// Positions computed at a time. With 16 channels, 48 expanded, everything that a gradient needs
// fits the 48 KB of a first-level cache.
constexpr int kChunk = 32;
// Positions of one work item. Adding up its sums is short compared with computing its products.
constexpr long kItem = 64 * kChunk;

// The weights with padded channels; a `t` at the end of a name stands for transposed.
struct Packed {
  Packed(const Mlp& m, const MlpWeights& w)
      : width(padded(m.channels)),
        wide(padded(m.expanded)),
        w1(wide * width),
        w1t(width * wide),
        w2(width * wide),
        w2t(wide * width),
        b1(wide),
        b2(width),
        zeros(wide) {
    for (int k = 0; k < m.expanded; ++k)
      for (int c = 0; c < m.channels; ++c) {
        w1[k * width + c] = w1t[c * wide + k] = w.w1[k * m.channels + c];
        w2[c * wide + k] = w2t[k * width + c] = w.w2[c * m.expanded + k];
      }
    std::copy_n(w.b1, m.expanded, b1.data());
    std::copy_n(w.b2, m.channels, b2.data());
  }

  int width, wide;
  Floats w1, w1t, w2, w2t, b1, b2, zeros;
};

// Calls chunk(first, count) for all chunks of work item i.
template <typename Chunk>
void for_chunks(const Mlp& m, long i, const Chunk& chunk) {
  const long last = std::min((i + 1) * kItem, m.positions);
  for (long p = i * kItem; p < last; p += kChunk) chunk(p, std::min<long>(kChunk, last - p));
}

long items_in(const Mlp& m) { return (m.positions + kItem - 1) / kItem; }

// Whether kernels can read and write a chunk in its tensor: it has all positions and no padding.
bool whole(const Mlp& m, long count) { return count == kChunk && padded(m.channels) == m.channels; }

// Returns `count` positions, and zeros for the rest of a chunk; `copy` holds them if need be.
const float* load_chunk(const Mlp& m, const float* tensor, long first, long count, Floats& copy) {
  tensor += first * m.channels;
  if (whole(m, count)) return tensor;
  if (count < kChunk) std::fill(copy.begin(), copy.end(), 0.0f);
  widen(tensor, count, m.channels, copy.data());
  return copy.data();
}

void add_rows(const float* __restrict rows, const float* __restrict values, int width,
              float* __restrict out) {
  for (int p = 0; p < kChunk; ++p, rows += width, out += width)
    for (int c = 0; c < width; ++c) out[c] = rows[c] + values[c];
}

class Forward {
 public:
  Forward(const Kernels& kernels, const Mlp& m, const Packed& weights)
      : k_(kernels),
        m_(m),
        w_(weights),
        x_(kChunk * w_.width),
        residual_(kChunk * w_.width),
        out_(kChunk * w_.width),
        hidden_(kChunk * w_.wide) {}

  void chunk(const float* x, const float* residual, long first, long count, float* out) {
    add_rows(load_chunk(m_, residual, first, count, residual_), w_.b2.data(), w_.width,
             out_.data());
    k_.product(load_chunk(m_, x, first, count, x_), w_.width, 1, m_.channels, w_.w1t.data(),
               w_.b1.data(), 0, kChunk, w_.wide, hidden_.data());
    k_.gelu(hidden_.data(), kChunk * w_.wide);
    out += first * m_.channels;
    float* to = whole(m_, count) ? out : out_.data();
    k_.product(hidden_.data(), w_.wide, 1, m_.expanded, w_.w2t.data(), out_.data(), w_.width,
               kChunk, w_.width, to);
    if (to != out) narrow(to, count, m_.channels, out);
  }

 private:
  const Kernels& k_;
  const Mlp& m_;
  const Packed& w_;
  Floats x_, residual_, out_, hidden_;
};

// The gradients of the weights, summed over the positions of one work item. That of w1 is
// transposed.
struct Sums {
  explicit Sums(const Packed& w)
      : w1t(w.width * w.wide), w2(w.width * w.wide), b1(w.wide), b2(w.width) {}
  Floats w1t, w2, b1, b2;
};

class Backward {
 public:
  Backward(const Kernels& kernels, const Mlp& m, const Packed& weights)
      : k_(kernels),
        m_(m),
        w_(weights),
        x_(kChunk * w_.width),
        grad_(kChunk * w_.width),
        grad_x_(kChunk * w_.width),
        hidden_(kChunk * w_.wide),
        grad_hidden_(kChunk * w_.wide) {}

  void chunk(const float* x, const float* grad_out, long first, long count, float* grad_x,
             Sums& sums) {
    const int width = w_.width, wide = w_.wide;
    const float* zeros = w_.zeros.data();
    const float* inputs = load_chunk(m_, x, first, count, x_);
    const float* grad = load_chunk(m_, grad_out, first, count, grad_);
    k_.product(inputs, width, 1, m_.channels, w_.w1t.data(), w_.b1.data(), 0, kChunk, wide,
               hidden_.data());
    k_.product(grad, width, 1, m_.channels, w_.w2.data(), zeros, 0, kChunk, wide,
               grad_hidden_.data());
    k_.gelu_gradient(hidden_.data(), grad_hidden_.data(), kChunk * wide);
    outer(grad, hidden_, sums.w2);
    outer(inputs, grad_hidden_, sums.w1t);
    k_.column_sums(grad, kChunk, width, sums.b2.data());
    k_.column_sums(grad_hidden_.data(), kChunk, wide, sums.b1.data());
    grad_x += first * m_.channels;
    float* to = whole(m_, count) ? grad_x : grad_x_.data();
    k_.product(grad_hidden_.data(), wide, 1, m_.expanded, w_.w1.data(), zeros, 0, kChunk, width,
               to);
    if (to != grad_x) narrow(to, count, m_.channels, grad_x);
  }

 private:
  // Adds the sum over positions p of a[p][c] * b[p][k] to sums[c][k].
  void outer(const float* a, const Floats& b, Floats& sums) const {
    k_.product(a, 1, w_.width, kChunk, b.data(), sums.data(), w_.wide, w_.width, w_.wide,
               sums.data());
  }

  const Kernels& k_;
  const Mlp& m_;
  const Packed& w_;
  Floats x_, grad_, grad_x_, hidden_, grad_hidden_;
};

// Computes out[r * row + c * column], the sum of all items' values at [r][c] in the order of the
// items. The values are in rows of `width`.
void add_up(const std::vector<Sums>& items, Floats Sums::* part, int rows, int columns, int width,
            long row, long column, float* out) {
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) {
      double total = 0.0;
      for (const Sums& sums : items) total += (sums.*part)[r * width + c];
      out[r * row + c * column] = static_cast<float>(total);
    }
}

}  // namespace

void mlp_forward(const Kernels& kernels, const Mlp& m, const float* x, const MlpWeights& weights,
                 const float* residual, int threads, float* out) {
  const Packed packed(m, weights);
  parallel(items_in(m), threads, [&] {
    return [&, forward = Forward(kernels, m, packed)](long i) mutable {
      for_chunks(m, i,
                 [&](long first, long count) { forward.chunk(x, residual, first, count, out); });
    };
  });
}

void mlp_backward(const Kernels& kernels, const Mlp& m, const float* x, const MlpWeights& weights,
                  const float* grad_out, int threads, const MlpGradients& gradients) {
  const Packed packed(m, weights);
  std::vector<Sums> sums(items_in(m), Sums(packed));
  parallel(items_in(m), threads, [&] {
    return [&, backward = Backward(kernels, m, packed)](long i) mutable {
      for_chunks(m, i, [&](long first, long count) {
        backward.chunk(x, grad_out, first, count, gradients.x, sums[i]);
      });
    };
  });
  add_up(sums, &Sums::w1t, m.channels, m.expanded, packed.wide, 1, m.channels, gradients.w1);
  add_up(sums, &Sums::w2, m.channels, m.expanded, packed.wide, m.expanded, 1, gradients.w2);
  add_up(sums, &Sums::b1, 1, m.expanded, packed.wide, 0, 1, gradients.b1);
  add_up(sums, &Sums::b2, 1, m.channels, packed.width, 0, 1, gradients.b2);
}

}  // namespace wavehax::training
