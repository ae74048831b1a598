// Whole utterances, in the same tiles as streams.
#pragma once

#include <cstdint>
#include <memory>

#include "../model/engine.h"

namespace wavehax {

// The whole utterance: mel as in MelView, f0 [frames] in Hz, prior [prior_length(frames)] or null, out [frames * hop_length].
// `threads` share it in time, as many as it is long enough for; the samples do not depend on their number. With a norm over
// the utterance they share the blocks.
void vocode(std::shared_ptr<const Engine> engine, MelView mel, const float* f0, std::int64_t frames, std::uint64_t seed,
            const float* prior, int threads, float* out);

// The prior alone, [prior_length(frames)], at least one frame; without noise the initial phase is 0.
void vocode_prior(const Engine& engine, const float* f0, std::int64_t frames, std::uint64_t seed, bool noise, float* out);

}  // namespace wavehax
