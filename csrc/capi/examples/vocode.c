/* Turns a mel into sound: vocode MODEL.safetensors MEL.f32 OUT.wav [FRAMES]
 * MEL.f32 is raw float32, little-endian, [frames][n_mels]. F0 is predicted from it. With FRAMES the
 * mel is streamed, that many frames at a time. */
#include "wav.h"
#include "wavehax.h"

static wavehax_error error;

static void check(wavehax_status status) {
  if (status != WAVEHAX_OK) quit("vocode", error.message);
}

static void stream_all(const wavehax_model* model, int n_mels, const float* mel, int64_t frames,
                       int64_t step, float* wave, int64_t room) {
  wavehax_stream* stream;
  int64_t samples = 0, done = 0;
  check(wavehax_stream_new(model, 0, &stream, &error));
  for (int64_t t = 0; t < frames; t += step, done += samples) {
    const int64_t count = frames - t < step ? frames - t : step;
    check(wavehax_stream_push(stream, mel + t * n_mels, NULL, count, wave + done, room - done,
                              &samples, &error));
  }
  check(wavehax_stream_flush(stream, wave + done, room - done, &samples, &error));
  wavehax_stream_free(stream);
}

int main(int argc, char** argv) {
  wavehax_model* model;
  wavehax_info info = {.size = sizeof info};
  size_t size = 0;
  if (argc < 4)
    return fprintf(stderr, "usage: vocode MODEL.safetensors MEL.f32 OUT.wav [FRAMES]\n"), 2;
  unsigned char* file = read_file(argv[2], &size);
  const float* mel = (const float*)(const void*)file; /* malloc aligns for any type */
  check(wavehax_model_load(argv[1], NULL, &model, &error));
  check(wavehax_model_info(model, &info, &error));
  const int64_t frames = (int64_t)(size / sizeof(float) / (size_t)info.n_mels),
                samples = frames * info.hop_length;
  float* wave = allocate((size_t)samples * sizeof(float));
  const int64_t step = argc > 4 ? atol(argv[4]) : 0;
  if (step > 0)
    stream_all(model, info.n_mels, mel, frames, step, wave, samples);
  else
    check(wavehax_vocode(model, mel, NULL, frames, NULL, wave, &error));
  write_wav(argv[3], wave, (size_t)samples, (uint32_t)info.sample_rate);
  wavehax_model_free(model);
  free(wave);
  free(file);
  return 0;
}
