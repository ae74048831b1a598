// Work split into numbered items that any thread may take; which one does never changes the result.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace wavehax::training {

// Calls make_worker() once on each of `threads` threads, the caller's among them, and then worker(i) until every item
// 0 <= i < items has been done once. An exception of any thread is thrown here, after all have ended.
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
  for (long i = 1; i < threads && i < items; ++i) others.emplace_back(run);
  run();
  for (std::thread& thread : others) thread.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace wavehax::training
