// A loaded model of the C interface, and the checks and views that whole and streaming use share.
#pragma once

#include <memory>
#include <string>

#include "../model/engine.h"
#include "../signal/mel.h"
#include "../voice/f0.h"
#include "checks.h"

struct wavehax_model {
  std::string config;
  wavehax::FeatureConfig features;
  std::shared_ptr<const wavehax::Engine> engine;
  std::shared_ptr<const wavehax::F0Predictor> f0;  // or null
};

namespace wavehax {

// Fails a call without F0 on a model that does not predict it.
inline wavehax_status no_predictor(wavehax_error* error) {
  return fail(error, WAVEHAX_ERROR_ARGUMENT,
              "f0 is null: expected one value for each frame, as this model does not predict it");
}

// Returns a view of the caller's mel, [frames][n_mels].
inline MelView view(const float* mel, int n_mels) { return {mel, 1, n_mels}; }

}  // namespace wavehax
