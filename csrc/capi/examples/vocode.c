/* Turns a mel into sound: vocode MODEL.safetensors MEL.f32 OUT.wav [FRAMES]
 * MEL.f32 is raw float32, little-endian, [frames][n_mels]. F0 is predicted from it. With FRAMES the
 * mel is streamed, that many frames at a time. */
#include <stdio.h>
#include <stdlib.h>

#include "wavehax.h"

static wavehax_error error;

static void check(wavehax_status status) {
  if (status == WAVEHAX_OK) return;
  fprintf(stderr, "vocode: %s\n", error.message);
  exit(1);
}

/* Allocates one byte more, because malloc(0) may return null. */
static void* allocate(size_t size) {
  void* memory = malloc(size + 1);
  if (memory == NULL) fprintf(stderr, "vocode: no memory for %zu bytes\n", size), exit(1);
  return memory;
}

static float* read_floats(const char* path, size_t* count) {
  FILE* file = fopen(path, "rb");
  const long size = file != NULL && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  if (size < 0 || fseek(file, 0, SEEK_SET) != 0) return NULL;
  *count = (size_t)size / sizeof(float);
  float* values = allocate(*count * sizeof(float));
  if (fread(values, sizeof(float), *count, file) != *count) return NULL;
  fclose(file);
  return values;
}

/* Writes a header for 32-bit floating-point mono (format tag 3) and the samples, on a little-endian
 * machine. The words in hexadecimal are "RIFF", "WAVE", "fmt " and "data". */
static int write_wav(const char* path, const float* wave, size_t samples, uint32_t rate) {
  const uint32_t bytes = (uint32_t)(samples * sizeof(float));
  const uint32_t words[] = {0x46464952, 36 + bytes, 0x45564157,   0x20746d66, 16,   1 << 16 | 3,
                            rate,       4 * rate,   32 << 16 | 4, 0x61746164, bytes};
  FILE* file = fopen(path, "wb");
  if (file == NULL) return 0;
  const int written = fwrite(words, sizeof words, 1, file) == 1 &&
                      fwrite(wave, sizeof(float), samples, file) == samples;
  return fclose(file) == 0 && written;
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
  size_t count = 0;
  if (argc < 4)
    return fprintf(stderr, "usage: vocode MODEL.safetensors MEL.f32 OUT.wav [FRAMES]\n"), 2;
  float* mel = read_floats(argv[2], &count);
  if (mel == NULL) return fprintf(stderr, "vocode: %s cannot be read\n", argv[2]), 1;
  check(wavehax_model_load(argv[1], NULL, &model, &error));
  check(wavehax_model_info(model, &info, &error));
  const int64_t frames = (int64_t)(count / (size_t)info.n_mels), samples = frames * info.hop_length;
  float* wave = allocate((size_t)samples * sizeof(float));
  const int64_t step = argc > 4 ? atol(argv[4]) : 0;
  if (step > 0)
    stream_all(model, info.n_mels, mel, frames, step, wave, samples);
  else
    check(wavehax_vocode(model, mel, NULL, frames, NULL, wave, &error));
  if (!write_wav(argv[3], wave, (size_t)samples, (uint32_t)info.sample_rate))
    return fprintf(stderr, "vocode: %s cannot be written\n", argv[3]), 1;
  wavehax_model_free(model);
  free(wave);
  free(mel);
  return 0;
}
