// Storage of one voice: frames and samples in the order of time, of which only the part still needed is kept.
// All memory is taken when a buffer is made; nothing here allocates, locks or throws afterwards.
#pragma once

#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace wavehax {

#if defined(__SANITIZE_ADDRESS__)
#define WAVEHAX_EXACT_BLOCKS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WAVEHAX_EXACT_BLOCKS
#endif
#endif

// 64 bytes: a cache line and the widest register. A block is a plain one with room to align within: glibc finds no use
// for a freed block where an aligned one of the same size is wanted (2.36, measured), and 200 voices closed and opened
// at random came to take three times their memory. AddressSanitizer would not see what is read from that room: there,
// blocks are exact.
template <typename T>
struct AlignedAllocator {
  static constexpr std::size_t kAlignment = 64;
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U>
  AlignedAllocator(const AlignedAllocator<U>&) {}
#ifdef WAVEHAX_EXACT_BLOCKS
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(kAlignment))); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t(kAlignment)); }
#else
  T* allocate(std::size_t n) {
    if (n > (SIZE_MAX - kAlignment) / sizeof(T)) throw std::bad_array_new_length();
    auto* block = static_cast<unsigned char*>(::operator new(n * sizeof(T) + kAlignment));
    unsigned char* p = block + kAlignment - reinterpret_cast<std::uintptr_t>(block) % kAlignment;
    p[-1] = static_cast<unsigned char>(p - block);  // 1 to 64: what `deallocate` takes off
    return reinterpret_cast<T*>(p);
  }
  void deallocate(T* p, std::size_t) {
    auto* aligned = reinterpret_cast<unsigned char*>(p);
    ::operator delete(aligned - aligned[-1]);
  }
#endif
  friend bool operator==(AlignedAllocator, AlignedAllocator) { return true; }
  friend bool operator!=(AlignedAllocator, AlignedAllocator) { return false; }
};

template <typename T>
using Aligned = std::vector<T, AlignedAllocator<T>>;
using Floats = Aligned<float>;

// What a convolution over time sees before the first frame and after the last.
enum class Border { kZeros, kReflect };

// `i` mirrored into [0, n) without repeating the border, bouncing as often as needed; n >= 1.
inline std::int64_t reflect(std::int64_t i, std::int64_t n) {
  if (n == 1) return 0;
  const std::int64_t period = 2 * (n - 1);
  i %= period;
  if (i < 0) i += period;
  return i < n ? i : period - i;
}

// Frames of `width` floats; the last `capacity` are kept, in storage that the owner provides.
class FrameRing {
 public:
  FrameRing() = default;
  FrameRing(float* storage, const float* zeros, int width, std::int64_t capacity, Border border)
      : storage_(storage), zeros_(zeros), width_(width), capacity_(capacity), border_(border) {}

  void reset() {
    count_ = 0;
    ended_ = false;
  }
  float* push() { return row(count_++); }  // the next frame, to be filled
  void end() { ended_ = true; }            // no frame follows

  std::int64_t count() const { return count_; }
  bool ended() const { return ended_; }
  float* row(std::int64_t t) { return storage_ + t % capacity_ * width_; }

  // Frame t, or what the border puts in its place.
  const float* at(std::int64_t t) const {
    if (t < 0 || t >= count_) {
      if (border_ == Border::kZeros) return zeros_;
      t = reflect(t, count_);
    }
    assert(t >= count_ - capacity_);
    return storage_ + t % capacity_ * width_;
  }

  // Frames that can be convolved: those whose `right` followers are here, or all once the last has come.
  std::int64_t ready(int right) const { return ended_ ? count_ : (count_ > right ? count_ - right : 0); }

 private:
  float* storage_ = nullptr;
  const float* zeros_ = nullptr;
  int width_ = 0;
  std::int64_t capacity_ = 1, count_ = 0;
  bool ended_ = false;
  Border border_ = Border::kZeros;
};

// Samples, indexed from the start of the voice. `keep` bounds begin() .. end() between two drops.
class SampleBuffer {
 public:
  explicit SampleBuffer(std::int64_t keep = 0) : data_(static_cast<std::size_t>(2 * keep)) {}

  std::size_t memory() const { return data_.size() * sizeof(float); }  // bytes

  void reset() {
    begin_ = end_ = offset_ = 0;
    ended_ = false;
  }
  std::int64_t begin() const { return begin_; }
  std::int64_t end() const { return end_; }
  bool ended() const { return ended_; }
  void finish() { ended_ = true; }
  const float* from(std::int64_t i) const { return data_.data() + offset_ + (i - begin_); }

  // Room for n more samples at the end, to be filled.
  float* extend(std::int64_t n) {
    const std::int64_t held = end_ - begin_;
    if (offset_ + held + n > static_cast<std::int64_t>(data_.size())) {
      std::memmove(data_.data(), data_.data() + offset_, static_cast<std::size_t>(held) * sizeof(float));
      offset_ = 0;
    }
    assert(offset_ + held + n <= static_cast<std::int64_t>(data_.size()));
    end_ += n;
    return data_.data() + offset_ + held;
  }

  // Forgets the samples before i.
  void drop(std::int64_t i) {
    if (i <= begin_) return;
    if (i > end_) i = end_;
    offset_ += i - begin_;
    begin_ = i;
  }

  // Copies samples i .. i + n to `out`, zeros where there are none.
  void copy(std::int64_t i, std::int64_t n, float* out) const {
    const std::int64_t first = i < 0 ? 0 : i, last = i + n < end_ ? i + n : end_;
    assert(first >= begin_ || first >= last);
    for (std::int64_t k = i; k < first && k < i + n; ++k) out[k - i] = 0.0f;
    if (last > first) std::memcpy(out + (first - i), from(first), static_cast<std::size_t>(last - first) * sizeof(float));
    for (std::int64_t k = last > first ? last : first; k < i + n; ++k) out[k - i] = 0.0f;
  }

 private:
  Floats data_;
  std::int64_t begin_ = 0, end_ = 0, offset_ = 0;
  bool ended_ = false;
};

}  // namespace wavehax
