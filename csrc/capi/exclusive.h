// The states that a stream of the C interface can be in when it is called: in use, or flushed.
#pragma once

#include <atomic>

#include "checks.h"

namespace wavehax {

// Takes a stream for one thread for as long as this lives. It is false if another thread has the
// stream.
class ExclusiveUse {
 public:
  explicit ExclusiveUse(std::atomic_flag& busy)
      : busy_(busy), taken_(!busy.test_and_set(std::memory_order_acquire)) {}
  ~ExclusiveUse() {
    if (taken_) busy_.clear(std::memory_order_release);
  }
  ExclusiveUse(const ExclusiveUse&) = delete;
  ExclusiveUse& operator=(const ExclusiveUse&) = delete;
  explicit operator bool() const { return taken_; }

 private:
  std::atomic_flag& busy_;
  bool taken_;
};

inline wavehax_status in_use(wavehax_error* error) {
  return fail(
      error, WAVEHAX_ERROR_STATE,
      "this stream is in use by another thread: a stream belongs to one voice, make one for each");
}

inline wavehax_status flushed(wavehax_error* error) {
  return fail(error, WAVEHAX_ERROR_STATE, "this stream is flushed: reset begins another utterance");
}

}  // namespace wavehax
