/* Wavehax in C: mel-spectrogram and F0 to waveform, as a whole or streaming, from the same model files as in Python.
 *
 *   wavehax_error error;
 *   wavehax_model* model;
 *   wavehax_info info = {.size = sizeof info};
 *   if (wavehax_model_load("vocos-24k.safetensors", NULL, &model, &error) != WAVEHAX_OK) return report(error.message);
 *   wavehax_model_info(model, &info, &error);
 *   float* wave = malloc(frames * info.hop_length * sizeof(float));
 *   if (wavehax_vocode(model, mel, f0, frames, NULL, wave, &error) != WAVEHAX_OK) return report(error.message);
 *   wavehax_model_free(model);
 *
 * and frame by frame, after wavehax_stream_new(model, seed, &stream, &error), as long as frames come:
 *
 *   wavehax_stream_push(stream, mel, f0, 1, wave, info.hop_length, &samples, &error);
 *   play(wave, samples);
 *
 * examples/vocode.c is a whole program.
 *
 * Arrays. A mel is float32 [frames][n_mels], frame after frame: the log-mel-spectrogram that the model's "features" define
 * (wavehax_model_config), not normalised; a finite value below their "log_floor" counts as it. F0 is float32 [frames] in Hz, at
 * least 1, or 0 where unvoiced. A waveform is float32, nominally in [-1, 1], hop_length samples for every frame. All are the
 * caller's: read or written during the call, never kept.
 *
 * Errors. What can fail returns a wavehax_status and, where `error` is not null, one line of text that names the argument, the
 * index and what was expected; on success `error` is left alone. After a failure outputs hold nothing of use, and a stream is
 * as it was before. No exception leaves a function. Null in place of a model, stream or output is WAVEHAX_ERROR_ARGUMENT.
 *
 * Threads. A model is immutable: any number of threads may use it at once. A stream belongs to one voice and to one thread at
 * a time; a second one gets WAVEHAX_ERROR_STATE. Only *_free must be the last call on its object.
 *
 * Memory. A model is loaded and freed; a stream is made and freed, and may outlive its model. Pushing and flushing allocate
 * nothing, take no lock and wait for nobody.
 *
 * Arithmetic. The processor's floating-point modes are left as they are found. A host that has set flush-to-zero, as many do
 * for audio, may get samples that differ in their last bits from those of one that has not.
 *
 * Structs that grow. The first member of options and of wavehax_info is `size`, which the caller sets to the size of the
 * struct that it was compiled with: later versions add members at the end. In options zero bytes mean the default, and so does
 * a null pointer. A library that is older than its caller refuses options whose members it does not know
 * (WAVEHAX_ERROR_ARGUMENT), unless they are zero, and sets members of wavehax_info that it does not know to zero. A `size`
 * below that of version 0.1 is refused.
 *
 * Before 1.0 a minor version may rename, remove or retype anything here, and the changelog says so; a patch version may not.
 * From 1.0 on functions and members are only added.
 *
 * Windows. Define WAVEHAX_STATIC to link the static library; without it functions are imported from the DLL. */
#ifndef WAVEHAX_H
#define WAVEHAX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(WAVEHAX_STATIC)
#define WAVEHAX_API
#elif defined(_WIN32) && defined(WAVEHAX_BUILD)
#define WAVEHAX_API __declspec(dllexport)
#elif defined(_WIN32)
#define WAVEHAX_API __declspec(dllimport)
#elif defined(__GNUC__)
#define WAVEHAX_API __attribute__((visibility("default")))
#else
#define WAVEHAX_API
#endif

#define WAVEHAX_VERSION "0.1.0"

typedef struct wavehax_model wavehax_model;
typedef struct wavehax_stream wavehax_stream;

typedef enum wavehax_status {
  WAVEHAX_OK = 0,
  WAVEHAX_ERROR_ARGUMENT = 1, /* a shape, value or name that makes no sense, or that this model or machine has not */
  WAVEHAX_ERROR_MODEL = 2,    /* no file that can be read, or not exactly the model that it says it is */
  WAVEHAX_ERROR_STATE = 3,    /* the stream is flushed, or in use by another thread */
  WAVEHAX_ERROR_RESOURCE = 4  /* the system gives no memory, or no thread */
} wavehax_status;

typedef struct wavehax_error {
  char message[256]; /* printable ASCII, a zero byte at its end; longer texts are cut */
} wavehax_error;

typedef struct wavehax_load_options {
  size_t size;           /* sizeof(wavehax_load_options) */
  const char* isa;       /* one of wavehax_available_isas(), or "auto" or null: the fastest; WAVEHAX_ISA in the environment
                            replaces these */
  const char* precision; /* "fp32", as null; "bf16", which rounds the weights of the projections and nothing else and makes
                            streams of few frames faster; "mixed", which rounds the factors of all large products, on a
                            processor with matrix tiles; or "auto", the fastest that this machine has */
} wavehax_load_options;

typedef struct wavehax_vocode_options {
  size_t size;     /* sizeof(wavehax_vocode_options) */
  uint64_t seed;   /* of the noise and the initial phase: the same seed gives the same bits */
  int64_t threads; /* 1, as 0, or more: at most so many share the utterance, each at least a second or so of it; the samples
                      are the same */
} wavehax_vocode_options;

typedef struct wavehax_info {
  size_t size;           /* sizeof(wavehax_info), set by the caller */
  int32_t sample_rate;   /* Hz */
  int32_t hop_length;    /* samples of output for every frame */
  int32_t n_mels;        /* bands of the mel */
  int32_t streamable;    /* 1: wavehax_stream_new takes the model; 0: its norm needs the whole utterance */
  int32_t delay;         /* samples by which a stream lags: N frames have given max(0, N * hop_length - delay) */
  int32_t predicts_f0;   /* 1: f0 may be null */
  const char* isa;       /* instruction set in use; these two are never freed */
  const char* precision; /* "fp32", "bf16" or "mixed" */
} wavehax_info;

/* Of the library, as WAVEHAX_VERSION of the header. */
WAVEHAX_API const char* wavehax_version(void);

/* Instruction sets that this machine runs, fastest first, with commas between; never freed. */
WAVEHAX_API const char* wavehax_available_isas(void);

/* Reads and checks a model file, from its path or from `size` bytes in memory that may be freed afterwards.
 *   options  or null
 *   model    where the model is put, to be freed; null on failure
 * A file is data: whatever is in it, the worst it can do is be refused (WAVEHAX_ERROR_MODEL). */
WAVEHAX_API wavehax_status wavehax_model_load(const char* path, const wavehax_load_options* options, wavehax_model** model,
                                              wavehax_error* error);
WAVEHAX_API wavehax_status wavehax_model_load_memory(const void* data, size_t size, const wavehax_load_options* options,
                                                     wavehax_model** model, wavehax_error* error);

/* Null is allowed. Streams made of the model go on. */
WAVEHAX_API void wavehax_model_free(wavehax_model* model);

/* Fills `info`, of which `size` is set. */
WAVEHAX_API wavehax_status wavehax_model_info(const wavehax_model* model, wavehax_info* info, wavehax_error* error);

/* All that the file says of itself, as JSON in UTF-8: "generator", "features" (what a mel must be), "provenance" and, where
 * F0 is predicted, "f0". Lives as long as the model; null for a null model. */
WAVEHAX_API const char* wavehax_model_config(const wavehax_model* model);

/* Synthesises a whole utterance.
 *   mel      [frames][n_mels], 1 to 2**40 frames
 *   f0       [frames], or null: predicted from the mel, where the model can
 *   options  or null
 *   wave     [frames * hop_length], written */
WAVEHAX_API wavehax_status wavehax_vocode(const wavehax_model* model, const float* mel, const float* f0, int64_t frames,
                                          const wavehax_vocode_options* options, float* wave, wavehax_error* error);

/* The F0 that the model predicts from a mel [frames][n_mels]: f0 [frames] in Hz, 0 where unvoiced. */
WAVEHAX_API wavehax_status wavehax_predict_f0(const wavehax_model* model, const float* mel, int64_t frames, float* f0,
                                              wavehax_error* error);

/* Begins a voice that takes frames as they come. Concatenated, its samples equal those of wavehax_vocode with the same seed,
 * bit for bit, however the frames are split. `stream` is set to null on failure. */
WAVEHAX_API wavehax_status wavehax_stream_new(const wavehax_model* model, uint64_t seed, wavehax_stream** stream,
                                              wavehax_error* error);

/* Takes the next frames and writes the samples that they complete.
 *   mel      [frames][n_mels], any number of frames
 *   f0       [frames]; or null, in all pushes of an utterance: predicted
 *   wave     [capacity], written; frames * hop_length samples are always enough
 *   samples  their number */
WAVEHAX_API wavehax_status wavehax_stream_push(wavehax_stream* stream, const float* mel, const float* f0, int64_t frames,
                                               float* wave, int64_t capacity, int64_t* samples, wavehax_error* error);

/* Ends the utterance and writes the samples still owed, of which there are at most `delay`. Only reset or free may follow. */
WAVEHAX_API wavehax_status wavehax_stream_flush(wavehax_stream* stream, float* wave, int64_t capacity, int64_t* samples,
                                                wavehax_error* error);

/* Begins a fresh utterance, at any time. */
WAVEHAX_API wavehax_status wavehax_stream_reset(wavehax_stream* stream, uint64_t seed, wavehax_error* error);

/* Null is allowed. */
WAVEHAX_API void wavehax_stream_free(wavehax_stream* stream);

#ifdef __cplusplus
}
#endif

#endif
