// Work shared among threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <future>
#include <vector>

namespace wavehax {

// work(first, until, thread) on spans of 0 .. count, each of about as much and in a thread of its own, the first in this one;
// where no thread can be had, this one does all.
template <typename Work>
void in_threads(int threads, std::int64_t count, const Work& work) {
  const std::int64_t spans = std::max<std::int64_t>(1, std::min<std::int64_t>(threads, count));
  const auto bound = [&](std::int64_t i) { return i * count / spans; };
  std::vector<std::future<void>> others;  // without a launch policy: what has no thread is done by get()
  for (std::int64_t i = 1; i < spans; ++i)
    others.push_back(std::async([&, i] { work(bound(i), bound(i + 1), static_cast<int>(i)); }));
  work(0, bound(1), 0);
  for (std::future<void>& other : others) other.get();
}

}  // namespace wavehax
