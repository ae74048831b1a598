// Synthesis of whole utterances, in the same tiles as streams.
#pragma once

#include <cstdint>
#include <memory>

#include "../model/engine.h"

namespace wavehax {

// Synthesises an utterance. f0: [frames] in Hz; prior: [prior_length(frames)] or null, to make it
// here; out: [frames * hop_length]. At most `threads` threads divide the utterance in time, fewer
// if it is short. With a norm over the utterance they share the blocks instead. The samples do not
// depend on the number of threads.
void vocode(std::shared_ptr<const Engine> engine, MelView mel, const float* f0, std::int64_t frames,
            std::uint64_t seed, const float* prior, int threads, float* out);

// Computes the prior alone, [prior_length(frames)], for at least one frame. Without noise the
// initial phase is 0.
void vocode_prior(const Engine& engine, const float* f0, std::int64_t frames, std::uint64_t seed,
                  bool noise, float* out);

}  // namespace wavehax
