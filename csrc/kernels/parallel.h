// Work split into numbered items that any thread may take; which one does never changes the result.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace wavehax {

// Calls make_worker() once on each of `threads` threads, the caller's among them, and then worker(i) until every item
// 0 <= i < items has been done once; with fewer threads where no more can be had. An exception of any thread is thrown here,
// after all have ended. One thread allocates and locks nothing.
template <typename MakeWorker>
void parallel(long items, int threads, const MakeWorker& make_worker) {
  std::atomic<long> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  const auto run = [&] {
    try {
      auto worker = make_worker();
      for (long i; (i = next++) < items;) worker(i);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      error = std::current_exception();
    }
  };
  // Threads of a few milliseconds: starting one takes some 20 microseconds, and none survives to be forgotten by a fork.
  std::vector<std::thread> others;
  try {
    for (long i = 1; i < threads && i < items; ++i) others.emplace_back(run);
  } catch (const std::system_error&) {
  }
  run();
  for (std::thread& thread : others) thread.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace wavehax
