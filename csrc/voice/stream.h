// One voice: everything that changes while a model runs. The stages of nn/generator.py in the same order, each taking what the
// one before it has ready and keeping what its own window still needs; whole utterances pass through the same code in tiles.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "../signal/buffers.h"
#include "../model/engine.h"
#include "network.h"
#include "projections.h"

namespace wavehax {

// Time by stage, in the order of the pipeline; a norm counts to the stage before it.
struct StageSeconds {
  double prior = 0.0, analysis = 0.0, projections = 0.0, blocks = 0.0, synthesis = 0.0;
};

// After construction no method allocates, locks or throws. Not safe for two threads at once; the engine is.
class Stream {
 public:
  static constexpr std::int64_t kTile = kProjectedFrames;  // frames computed together

  Stream(std::shared_ptr<const Engine> engine, std::int64_t tile);

  void share(int threads) { network_->share(threads); }  // as Network::share: without such a norm, threads share time
  void reset(std::uint64_t seed);
  const Engine& engine() const { return *engine_; }
  bool flushed() const { return mel_.ended(); }  // then only reset may follow
  std::size_t memory() const;                    // bytes that the voice holds
  void profile(StageSeconds* seconds) { profile_ = seconds; }  // adds the time of every stage to them, unless null

  // After reset: goes on as if the frames before `first`, with their f0, had been pushed. Samples are returned, and exact, from
  // hop `from` until hop `until`, where `from` is 0 or at least first + Engine::history().
  void enter(const float* f0, std::int64_t first, std::int64_t from, std::int64_t until);

  // Samples that pushing `frames` more frames returns, and that flushing now would.
  std::int64_t pending_push(std::int64_t frames) const { return engine_->samples_after(received_ + frames) - emitted_; }
  std::int64_t pending_flush() const {
    return std::max<std::int64_t>(0, std::min(received_, until_) * engine_->config.hop_length - emitted_);
  }

  // Takes frames of mel and f0 (and their samples of prior, or null), writes the samples they complete to `out` and returns
  // their number. With a norm over the utterance nothing comes before the flush.
  std::int64_t push(MelView mel, const float* f0, std::int64_t frames, const float* prior, float* out);
  // The rest; `prior` as in push, what is left of it: centred models have one hop more than frames.
  std::int64_t flush(const float* prior, float* out);

 private:
  void make_rings();
  void make_sample_buffers();
  void make_scratch();
  void take(MelView mel, const float* f0, std::int64_t frames, const float* prior);
  void advance();
  void analyse();
  void project();
  void project_tile(std::int64_t first, std::int64_t count);
  void assemble(std::int64_t t, std::int64_t i, float* row);
  void add_envelopes(std::int64_t first, int rows);
  bool run_block(std::size_t index);
  void run_frames(std::size_t index, std::int64_t count);
  void synthesise();
  void synthesise_frame(const float* row);
  void finish_spectrum(float* re, float* im) const;
  void repeat_last_frame(const float* prior);
  std::int64_t drain(float* out, std::int64_t limit);

  SampleBuffer& source(int stream) { return engine_->filter_bank ? streams_[stream] : prior_samples_; }

  std::shared_ptr<const Engine> engine_;
  std::int64_t tile_;  // frames a stage may emit in one advance
  std::unique_ptr<Network> network_;
  RunningProjection projections_;
  std::int64_t block_tile_;  // frames a block may emit in one pass
  std::int64_t received_ = 0, emitted_ = 0, predicted_ = 0;
  std::int64_t from_ = 0, until_ = 0;  // hops whose samples are wanted, counted from the first frame pushed
  float last_f0_ = 0.0f;
  StageSeconds* profile_ = nullptr;

  Floats ring_storage_, zeros_;
  FrameRing mel_, envelope_;        // normalised mel; excitation: exp(env_proj(mel))
  std::vector<FrameRing> spectra_;  // re, im of each stream's prior
  std::vector<FrameRing> frames_;   // the input of each block, and the output of the last
  Prior prior_;
  SampleBuffer prior_samples_, wave_;
  std::vector<SampleBuffer> streams_, predicted_streams_;
  std::vector<OverlapAdd> overlap_;

  Floats scratch_, planes_;

  // Lists of rows, made once because making one allocates. Each is filled and read within one call of one method.
  std::vector<float*> begun_;                        // project_tile: the frames that it begins
  std::vector<const float*> mixed_;                  // assemble: the input planes of a frame
  std::vector<const float*> window_, residuals_;     // run_frames: frames under the kernel of a block; those that it adds to
  std::vector<float*> outs_;                         // run_frames: the frames that come out of a block
  std::vector<float*> last_;                         // synthesise: the frames that the last block has put out
  std::vector<const float*> filtered_;               // synthesise: rows under the filters of the filter bank
  std::vector<float*> plane_rows_;                   // always: the rows of planes_
};

}  // namespace wavehax
