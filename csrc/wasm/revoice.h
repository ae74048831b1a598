// A recording to its mel, its F0 changed or left, and back to sound: whole, in pieces, or live.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../signal/harmonics.h"
#include "../signal/mel.h"
#include "../voice/f0.h"
#include "../voice/stream.h"

namespace wavehax {

struct Model {
  std::string config;  // JSON, as in the file
  FeatureConfig features;
  std::shared_ptr<const Engine> engine;
  std::shared_ptr<const F0Predictor> f0;  // or null
};

// What becomes of the F0 of the voiced frames.
struct Pitch {
  float fixed = 0.0f;    // Hz that all of them get, or 0: their own
  float scale = 1.0f;    // times this
  bool whisper = false;  // none is voiced

  bool changes() const { return fixed != 0.0f || scale != 1.0f || whisper; }
  float of(float f0) const {
    return whisper || f0 == 0.0f ? 0.0f : (fixed == 0.0f ? f0 : fixed) * scale;
  }
};

// Throws std::invalid_argument, naming what is out of range, for a pitch that the voices of this
// model cannot be given.
void check_pitch(const Pitch& pitch, const F0Predictor& predictor);

// Revoice turns a stream of sound into a stream of sound. Output sample i belongs to input sample
// i. It comes at least `delay` samples later, and at most `delay + hop_length - 1`.
// The constructor throws std::invalid_argument if the model cannot stream or predicts no F0. After
// it no method allocates, locks or throws. Two threads must not use one Revoice at once.
class Revoice {
 public:
  Revoice(const Model& model, std::uint64_t seed);

  void set(const Pitch& pitch) { pitch_ = pitch; }  // from the next frame on
  int hop_length() const { return voice_.engine().config.hop_length; }
  int delay() const { return mel_.delay() + voice_.engine().delay(); }
  // Returns the number of output samples, from the start on, after `samples` of input.
  std::int64_t samples_after(std::int64_t samples) const {
    return voice_.engine().samples_after(mel_.frames_after(samples));
  }

  std::int64_t pending_push(std::int64_t samples) const {
    return voice_.pending_push(mel_.pending_push(samples));
  }
  std::int64_t pending_flush() const {
    return voice_.pending_push(mel_.pending_flush()) + voice_.engine().delay();
  }

  // Takes finite samples, any number; writes the samples that they complete and returns their
  // number.
  std::int64_t push(const float* audio, std::int64_t samples, float* out);
  // Ends the recording; writes the rest, at most pending_flush() samples, and returns their number.
  std::int64_t flush(float* out);

 private:
  std::int64_t run(std::int64_t frames, float* out);

  MelStream mel_;
  F0Stream f0_;
  HarmonicsFlattener flattener_;
  Stream voice_;
  Pitch pitch_;
  std::vector<float> frames_, f0s_;  // that one piece, or the end, completes
};

// Takes blocks of a fixed size and gives blocks of the same size, whatever the model's hop is. A
// ring of samples between the two begins with enough zeros never to run empty. Nothing on its path
// allocates, locks or throws.
class Live {
 public:
  Live(const Model& model, std::uint64_t seed, int block);

  Revoice& revoice() { return revoice_; }
  int delay() const { return delay_; }  // samples by which the output lags behind the input
  int capacity() const { return static_cast<int>(ring_.size()); }  // samples of the ring
  std::int64_t underruns() const {
    return underruns_;
  }  // blocks that were silent because the ring had run empty
  float* input() { return input_.data(); }
  const float* output() const { return output_.data(); }

  void process();  // input() to output()

 private:
  void put(const float* samples, std::int64_t count);
  void take();

  Revoice revoice_;
  int delay_ = 0;
  std::vector<float> input_, output_, made_, ring_;
  std::int64_t written_ = 0, read_ = 0, underruns_ = 0;
};

}  // namespace wavehax
