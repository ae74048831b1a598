#include "vocode.h"

#include <algorithm>
#include <vector>

#include "../kernels/parallel.h"
#include "stream.h"

namespace wavehax {
namespace {

constexpr std::int64_t kLeastShared = 32;  // frames of a block worth a thread: a millisecond or more

// Bounds of the spans of hops that threads compute, each of about the same cost. All but the first also compute the history of
// their first hop, of which the blocks need half on average. Spans shorter than twice the history are not worth a thread.
std::vector<std::int64_t> spans(const Engine& engine, std::int64_t frames, int threads) {
  const std::int64_t history = engine.history(), extra = history / 2;
  const std::int64_t count = std::clamp<std::int64_t>(engine.streamable ? frames / (2 * history) : 1, 1, threads);
  const std::int64_t cost = (frames + (count - 1) * extra) / count;
  std::vector<std::int64_t> bounds = {0};
  for (std::int64_t i = 1; i < count; ++i) bounds.push_back(i * (cost - extra) + extra);
  bounds.push_back(frames);
  return bounds;
}

}  // namespace

void vocode(std::shared_ptr<const Engine> engine, MelView mel, const float* f0, std::int64_t frames, std::uint64_t seed,
            const float* prior, int threads, float* out) {
  const std::vector<std::int64_t> bounds = spans(*engine, frames, threads);
  // A norm over the utterance needs every frame at once; all other models pass through in tiles, as a stream does.
  const std::int64_t tile = engine->streamable ? Stream::kTile : frames + 1;
  const auto run = [&](long i) {
    const std::int64_t first = std::max<std::int64_t>(0, bounds[i] - engine->history());
    Stream stream(engine, tile);
    if (!engine->streamable) stream.share(static_cast<int>(std::min<std::int64_t>(threads, frames / kLeastShared + 1)));
    stream.reset(seed);
    stream.enter(f0, first, bounds[i], bounds[i + 1]);
    float *to = out + bounds[i] * engine->config.hop_length, *end = out + bounds[i + 1] * engine->config.hop_length;
    for (std::int64_t t = first; t < frames && to < end; t += tile)
      to += stream.push(mel.from(t), f0 + t, std::min(tile, frames - t),
                        prior == nullptr ? nullptr : prior + t * engine->config.hop_length, to);
    if (to < end) stream.flush(prior == nullptr ? nullptr : prior + frames * engine->config.hop_length, to);
  };
  parallel(static_cast<long>(bounds.size()) - 1, threads, [&] { return run; });
}

void vocode_prior(const Engine& engine, const float* f0, std::int64_t frames, std::uint64_t seed, bool noise, float* out) {
  const int hop = engine.config.hop_length;
  Prior prior(engine.kernels, engine.prior, hop, engine.config.sample_rate, engine.excitation);
  SampleBuffer samples(2 * hop + 2 * Prior::lag(engine.prior));
  prior.reset(seed, noise);
  const std::int64_t hops = frames > 0 ? engine.prior_length(frames) / hop : 0;
  for (std::int64_t t = 0; t <= hops; ++t) {
    if (t < hops)
      prior.push(f0[std::min(t, frames - 1)], samples);
    else
      prior.finish(samples);
    out = std::copy_n(samples.from(samples.begin()), samples.end() - samples.begin(), out);
    samples.drop(samples.end());
  }
}

}  // namespace wavehax
