/* Reading and writing of mono WAV files, and memory, for the examples. Little-endian machines only.
 * Whatever fails ends the program. */
#ifndef WAVEHAX_EXAMPLES_WAV_H
#define WAVEHAX_EXAMPLES_WAV_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void quit(const char* path, const char* problem) {
  fprintf(stderr, "%s: %s\n", path, problem);
  exit(1);
}

/* Allocates one byte more, because malloc(0) may return null. */
static inline void* allocate(size_t size) {
  void* memory = malloc(size + 1);
  if (memory == NULL) quit("malloc", "no memory");
  return memory;
}

/* Returns the bytes of a file, to be freed. */
static inline unsigned char* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  const long end = file != NULL && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  if (end < 0 || fseek(file, 0, SEEK_SET) != 0) quit(path, "cannot be read");
  unsigned char* bytes = allocate((size_t)end);
  *size = (size_t)end;
  if (fread(bytes, 1, *size, file) != *size) quit(path, "cannot be read");
  fclose(file);
  return bytes;
}

static inline uint32_t word(const unsigned char* bytes, int count) {
  uint32_t value = 0;
  memcpy(&value, bytes, (size_t)count);
  return value;
}

/* Returns the samples of a mono file of 16-bit integers or 32-bit floating point, to be freed. */
static inline float* read_wav(const char* path, size_t* samples, uint32_t* rate) {
  size_t size = 0, at = 12;
  unsigned char* bytes = read_file(path, &size);
  uint32_t kind = 0, bits = 0;
  if (size < 12 || memcmp(bytes, "RIFF", 4) != 0 || memcmp(bytes + 8, "WAVE", 4) != 0)
    quit(path, "not a WAV file");
  while (at + 8 <= size) {
    const unsigned char* chunk = bytes + at + 8;
    size_t length = word(bytes + at + 4, 4);
    if (length > size - at - 8) length = size - at - 8;
    if (memcmp(bytes + at, "fmt ", 4) == 0 && length >= 16) {
      if (word(chunk + 2, 2) != 1) quit(path, "not mono");
      kind = word(chunk, 2), *rate = word(chunk + 4, 4), bits = word(chunk + 14, 2);
    }
    if (memcmp(bytes + at, "data", 4) == 0) {
      if (!(kind == 1 && bits == 16) && !(kind == 3 && bits == 32))
        quit(path, "neither 16-bit integers nor 32-bit floating point");
      *samples = length / (bits / 8);
      float* wave = allocate(*samples * sizeof(float));
      for (size_t i = 0; i < *samples; ++i) {
        if (kind == 3)
          memcpy(wave + i, chunk + 4 * i, 4);
        else
          wave[i] = (float)(int16_t)word(chunk + 2 * i, 2) / 32768.0f;
      }
      free(bytes);
      return wave;
    }
    at += 8 + length + length % 2;
  }
  quit(path, "no samples");
  return NULL;
}

/* Writes 32-bit floating point (format tag 3). The words in hexadecimal are "RIFF", "WAVE", "fmt "
 * and "data". */
static inline void write_wav(const char* path, const float* wave, size_t samples, uint32_t rate) {
  const uint32_t bytes = (uint32_t)(samples * sizeof(float));
  const uint32_t words[] = {0x46464952, 36 + bytes, 0x45564157,   0x20746d66, 16,   1 << 16 | 3,
                            rate,       4 * rate,   32 << 16 | 4, 0x61746164, bytes};
  FILE* file = fopen(path, "wb");
  if (file == NULL) quit(path, "cannot be written");
  const int written = fwrite(words, sizeof words, 1, file) == 1 &&
                      fwrite(wave, sizeof(float), samples, file) == samples;
  if (fclose(file) != 0 || !written) quit(path, "cannot be written");
}

#endif
