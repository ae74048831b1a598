// One voice: everything that changes while a model runs. The stages are those of nn/generator.py in
// the same order. Each takes the frames or samples that the stage before it has ready, and keeps
// those that its own window still needs. Whole utterances pass through the same code in tiles.
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

// Seconds spent in each stage, in the order of the pipeline. A norm counts to the stage before it.
struct StageSeconds {
  double prior = 0.0, analysis = 0.0, projections = 0.0, blocks = 0.0, synthesis = 0.0;
};

// After construction no method allocates, locks or throws. A Stream is not safe for two threads at
// once; its engine is.
class Stream {
 public:
  static constexpr std::int64_t kTile = kProjectedFrames;  // frames computed together

  // `tile` is the number of frames that a stage takes at a time: kTile, or the whole utterance for
  // a norm over it.
  Stream(std::shared_ptr<const Engine> engine, std::int64_t tile);

  // Lets threads share the blocks (Network::share). Only for a norm over the whole utterance; other
  // models divide the utterance in time (vocode.h).
  void share(int threads) { network_->share(threads); }
  void reset(std::uint64_t seed);
  const Engine& engine() const { return *engine_; }
  // After a flush only reset may follow.
  bool flushed() const { return mel_.ended(); }
  // Returns the bytes that the voice holds.
  std::size_t memory() const;
  // From now on adds the time of every stage to `seconds`, unless it is null.
  void profile(StageSeconds* seconds) { profile_ = seconds; }

  // Called after reset: goes on as if the frames before `first` had been pushed; f0 [first] is
  // theirs. The samples of hops `from` to until - 1 are returned and exact; `from` is 0 or at least
  // first + Engine::history().
  void enter(const float* f0, std::int64_t first, std::int64_t from, std::int64_t until);

  // Return the samples that pushing `frames` more frames would write, and those that flushing now
  // would write.
  std::int64_t pending_push(std::int64_t frames) const {
    return engine_->samples_after(received_ + frames) - emitted_;
  }
  std::int64_t pending_flush() const {
    return std::max<std::int64_t>(
        0, std::min(received_, end_hop_) * engine_->config.hop_length - emitted_);
  }

  // Takes frames of mel and f0, and the samples of their prior unless `prior` is null. Writes the
  // samples that they complete to `out` and returns their number. With a norm over the utterance
  // that number is 0 until the flush.
  std::int64_t push(MelView mel, const float* f0, std::int64_t frames, const float* prior,
                    float* out);
  // Writes the remaining samples. `prior` is as in push: the samples of it that remain, since
  // centred models have one hop more than frames.
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

  SampleBuffer& source(int stream) {
    return engine_->filter_bank ? streams_[stream] : prior_samples_;
  }

  std::shared_ptr<const Engine> engine_;
  std::int64_t tile_;  // most frames that a stage emits in one `advance`
  std::unique_ptr<Network> network_;
  RunningProjection projections_;
  std::int64_t block_tile_;  // most frames that a block emits in one pass
  std::int64_t received_ = 0, emitted_ = 0, predicted_ = 0;
  // The hops whose samples are wanted, counted from the first frame pushed.
  std::int64_t first_hop_ = 0, end_hop_ = 0;
  float last_f0_ = 0.0f;
  StageSeconds* profile_ = nullptr;

  Floats ring_storage_, zeros_;
  // The normalised mel; in the excitation domain exp(env_proj(mel)).
  FrameRing mel_, envelope_;
  std::vector<FrameRing> spectra_;  // real and imaginary part of each stream's prior
  std::vector<FrameRing> frames_;   // the input of each block, then the output of the last
  Prior prior_;
  SampleBuffer prior_samples_, wave_;
  std::vector<SampleBuffer> streams_, predicted_streams_;
  std::vector<OverlapAdd> overlap_;

  Floats scratch_, planes_;

  // Lists of rows, made once because making one allocates. Each is filled and read within one call
  // of the method named, except plane_rows_.
  std::vector<float*> begun_rows_;           // project_tile: the frames that it begins
  std::vector<const float*> input_planes_;   // assemble: the input planes of a frame
  std::vector<const float*> window_rows_;    // run_frames: the frames under the kernel of a block
  std::vector<const float*> residual_rows_;  // run_frames: the frames that a block adds to
  std::vector<float*> block_rows_;           // run_frames: the frames that come out of a block
  std::vector<float*> output_rows_;        // synthesise: the frames that the last block has put out
  std::vector<const float*> filter_rows_;  // synthesise: rows under the filters of the filter bank
  std::vector<float*> plane_rows_;         // the rows of planes_, for ever
};

}  // namespace wavehax
