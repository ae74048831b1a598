#include "mlp.h"

#include <algorithm>

#include "../kernels/parallel.h"
#include "rows.h"

namespace wavehax::training {
namespace {

constexpr int kChunk = 32;           // positions at a time: with 16 channels, 48 expanded, all that a gradient needs fits 48 KB
constexpr long kItem = 64 * kChunk;  // positions of one item of work: its sums are short beside its products

// Weights with padded channels; `t` is for transposed.
struct Packed {
  Packed(const Mlp& m, const MlpWeights& w)
      : width(padded(m.channels)), wide(padded(m.expanded)), w1(wide * width), w1t(width * wide),
        w2(width * wide), w2t(wide * width), b1(wide), b2(width), zeros(wide) {
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

// Calls chunk(first, count) for the chunks of item i.
template <typename Chunk>
void for_chunks(const Mlp& m, long i, const Chunk& chunk) {
  const long last = std::min((i + 1) * kItem, m.positions);
  for (long p = i * kItem; p < last; p += kChunk) chunk(p, std::min<long>(kChunk, last - p));
}

long items_in(const Mlp& m) { return (m.positions + kItem - 1) / kItem; }

// `count` positions in a chunk, and zeros.
void load_chunk(const Mlp& m, const float* tensor, long first, long count, Floats& chunk) {
  if (count < kChunk) std::fill(chunk.begin(), chunk.end(), 0.0f);
  widen(tensor + first * m.channels, count, m.channels, chunk.data());
}

void add_to_rows(const float* __restrict values, int width, float* __restrict rows) {
  for (int p = 0; p < kChunk; ++p, rows += width)
    for (int c = 0; c < width; ++c) rows[c] += values[c];
}

class Forward {
 public:
  Forward(const Kernels& kernels, const Mlp& m, const Packed& weights)
      : k_(kernels), m_(m), w_(weights), x_(kChunk * w_.width), out_(kChunk * w_.width), hidden_(kChunk * w_.wide) {}

  void chunk(const float* x, const float* residual, long first, long count, float* out) {
    load_chunk(m_, x, first, count, x_);
    load_chunk(m_, residual, first, count, out_);
    add_to_rows(w_.b2.data(), w_.width, out_.data());
    k_.product(x_.data(), w_.width, 1, m_.channels, w_.w1t.data(), w_.b1.data(), 0, kChunk, w_.wide, hidden_.data());
    k_.gelu(hidden_.data(), kChunk * w_.wide);
    k_.product(hidden_.data(), w_.wide, 1, m_.expanded, w_.w2t.data(), out_.data(), w_.width, kChunk, w_.width, out_.data());
    narrow(out_.data(), count, m_.channels, out + first * m_.channels);
  }

 private:
  const Kernels& k_;
  const Mlp& m_;
  const Packed& w_;
  Floats x_, out_, hidden_;
};

// Sums over the positions of one item of work: the gradients of the weights, w1's transposed.
struct Sums {
  explicit Sums(const Packed& w) : w1t(w.width * w.wide), w2(w.width * w.wide), b1(w.wide), b2(w.width) {}
  Floats w1t, w2, b1, b2;
};

class Backward {
 public:
  Backward(const Kernels& kernels, const Mlp& m, const Packed& weights)
      : k_(kernels), m_(m), w_(weights), x_(kChunk * w_.width), grad_(kChunk * w_.width), grad_x_(kChunk * w_.width),
        hidden_(kChunk * w_.wide), grad_hidden_(kChunk * w_.wide) {}

  void chunk(const float* x, const float* grad_out, long first, long count, float* grad_x, Sums& sums) {
    const int width = w_.width, wide = w_.wide;
    const float* zeros = w_.zeros.data();
    load_chunk(m_, x, first, count, x_);
    load_chunk(m_, grad_out, first, count, grad_);
    k_.product(x_.data(), width, 1, m_.channels, w_.w1t.data(), w_.b1.data(), 0, kChunk, wide, hidden_.data());
    k_.product(grad_.data(), width, 1, m_.channels, w_.w2.data(), zeros, 0, kChunk, wide, grad_hidden_.data());
    k_.gelu_gradient(hidden_.data(), grad_hidden_.data(), kChunk * wide);
    outer(grad_, hidden_, sums.w2);
    outer(x_, grad_hidden_, sums.w1t);
    k_.column_sums(grad_.data(), kChunk, width, sums.b2.data());
    k_.column_sums(grad_hidden_.data(), kChunk, wide, sums.b1.data());
    k_.product(grad_hidden_.data(), wide, 1, m_.expanded, w_.w1.data(), zeros, 0, kChunk, width, grad_x_.data());
    narrow(grad_x_.data(), count, m_.channels, grad_x + first * m_.channels);
  }

 private:
  // sums[c][k] += sum over the positions p of a[p][c] * b[p][k].
  void outer(const Floats& a, const Floats& b, Floats& sums) const {
    k_.product(a.data(), 1, w_.width, kChunk, b.data(), sums.data(), w_.wide, w_.width, w_.wide, sums.data());
  }

  const Kernels& k_;
  const Mlp& m_;
  const Packed& w_;
  Floats x_, grad_, grad_x_, hidden_, grad_hidden_;
};

// out[r * row + c * column] = sum of the items' values at [r][c] of rows `width` wide, in the order of the items.
void add_up(const std::vector<Sums>& items, Floats Sums::*part, int rows, int columns, int width, long row, long column,
            float* out) {
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) {
      double total = 0.0;
      for (const Sums& sums : items) total += (sums.*part)[r * width + c];
      out[r * row + c * column] = static_cast<float>(total);
    }
}

}  // namespace

void mlp_forward(const Kernels& kernels, const Mlp& m, const float* x, const MlpWeights& weights, const float* residual,
                 int threads, float* out) {
  const Packed packed(m, weights);
  parallel(items_in(m), threads, [&] {
    return [&, forward = Forward(kernels, m, packed)](long i) mutable {
      for_chunks(m, i, [&](long first, long count) { forward.chunk(x, residual, first, count, out); });
    };
  });
}

void mlp_backward(const Kernels& kernels, const Mlp& m, const float* x, const MlpWeights& weights, const float* grad_out,
                  int threads, const MlpGradients& gradients) {
  const Packed packed(m, weights);
  std::vector<Sums> sums(items_in(m), Sums(packed));
  parallel(items_in(m), threads, [&] {
    return [&, backward = Backward(kernels, m, packed)](long i) mutable {
      for_chunks(m, i, [&](long first, long count) { backward.chunk(x, grad_out, first, count, gradients.x, sums[i]); });
    };
  });
  add_up(sums, &Sums::w1t, m.channels, m.expanded, packed.wide, 1, m.channels, gradients.w1);
  add_up(sums, &Sums::w2, m.channels, m.expanded, packed.wide, m.expanded, 1, gradients.w2);
  add_up(sums, &Sums::b1, 1, m.expanded, packed.wide, 0, 1, gradients.b1);
  add_up(sums, &Sums::b2, 1, m.channels, packed.width, 0, 1, gradients.b2);
}

}  // namespace wavehax::training
