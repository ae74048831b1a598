/* Makes a recording anew, at another pitch or by another speaker:
 * resynth MODEL.safetensors IN.wav OUT.wav [F0_SCALE [FORMANT_SCALE]]
 * IN.wav is mono, at the model's sample rate. Its mel is computed here and its F0 predicted from
 * the mel. */
#include "wav.h"
#include "wavehax.h"

static wavehax_error error;

static void check(wavehax_status status) {
  if (status != WAVEHAX_OK) quit("resynth", error.message);
}

int main(int argc, char** argv) {
  wavehax_model* model;
  wavehax_info info = {.size = sizeof info};
  wavehax_vocode_options options = {.size = sizeof options};
  size_t samples = 0;
  uint32_t rate = 0;
  if (argc < 4) {
    fprintf(stderr, "usage: resynth MODEL.safetensors IN.wav OUT.wav [F0_SCALE [FORMANT_SCALE]]\n");
    return 2;
  }
  if (argc > 4) options.f0_scale = atof(argv[4]);
  if (argc > 5) options.formant_scale = atof(argv[5]);
  check(wavehax_model_load(argv[1], NULL, &model, &error));
  check(wavehax_model_info(model, &info, &error));
  float* audio = read_wav(argv[2], &samples, &rate);
  if (rate != (uint32_t)info.sample_rate) quit(argv[2], "another sample rate than the model's");

  const int64_t frames = wavehax_mel_frames(model, (int64_t)samples);
  const size_t made = (size_t)frames * (size_t)info.hop_length;
  float* mel = allocate((size_t)frames * (size_t)info.n_mels * sizeof(float));
  float* wave = allocate(made * sizeof(float));
  check(wavehax_log_mel(model, audio, (int64_t)samples, mel, &error));
  check(wavehax_vocode(model, mel, NULL, frames, &options, wave, &error));
  /* The last frame may reach beyond the end. */
  write_wav(argv[3], wave, made < samples ? made : samples, rate);
  wavehax_model_free(model);
  free(audio);
  free(mel);
  free(wave);
  return 0;
}
