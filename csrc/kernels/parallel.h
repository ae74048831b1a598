// Work split into numbered items that any thread may take. Which thread takes an item never changes
// the result.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace wavehax {

// Calls make_worker() once on each of `threads` threads, the caller's among them, and then
// worker(i) on any of them until every item 0 <= i < items is done. Continues with fewer threads if
// the system gives no more. An exception of any thread is thrown here, after all have ended. With
// one thread nothing is allocated or locked.
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
  // The threads live a few milliseconds. Starting one takes some 20 microseconds, and no
  // thread outlives the call that a fork could lose.
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
