/* Wavehax in C: mel-spectrogram and F0 to waveform, whole or streaming, from the same model files
 * as in Python. A whole utterance:
 *
 *   wavehax_error error;
 *   wavehax_model* model;
 *   wavehax_info info = {.size = sizeof info};
 *   if (wavehax_model_load("vocos-24k.safetensors", NULL, &model, &error) != WAVEHAX_OK)
 *     return report(error.message);
 *   wavehax_model_info(model, &info, &error);
 *   float* wave = malloc(frames * info.hop_length * sizeof(float));
 *   if (wavehax_vocode(model, mel, f0, frames, NULL, wave, &error) != WAVEHAX_OK)
 *     return report(error.message);
 *   wavehax_model_free(model);
 *
 * Frame by frame, for as long as frames come:
 *
 *   wavehax_stream_new(model, seed, &stream, &error);
 *   wavehax_stream_push(stream, mel, f0, 1, wave, info.hop_length, &samples, &error);
 *   play(wave, samples);
 *
 * examples/vocode.c and examples/resynth.c are whole programs.
 *
 * Arrays. A mel is float32 [frames][n_mels], frame after frame. It is the log-mel-spectrogram that
 * the "features" of the model define (wavehax_model_features), not normalised. A finite value below
 * the "log_floor" of the features is raised to it. F0 is float32 [frames] in Hz: at least 1, or 0
 * where unvoiced. A waveform is float32, nominally in [-1, 1], with hop_length samples for every
 * frame. All arrays belong to the caller: they are read or written during the call and never kept.
 *
 * Errors. Functions that can fail return a wavehax_status. Unless `error` is null they write one
 * line of text to it, which names the argument, the index and the values expected. On success
 * `error` is left alone. After a failure the contents of outputs are meaningless, and a stream is
 * as it was before. No exception leaves a function. Null for a model, stream or output is
 * WAVEHAX_ERROR_ARGUMENT.
 *
 * Threads. A model is immutable: any number of threads may use it at once. A stream belongs to one
 * voice and to one thread at a time; a second thread gets WAVEHAX_ERROR_STATE. A call of *_free
 * must be the last on its object.
 *
 * Memory. A model is loaded and freed. A stream is made and freed, and may outlive its model.
 * Pushing and flushing allocate nothing, take no lock and wait for no other thread.
 *
 * Arithmetic. The floating-point modes of the processor are left as they are. Many audio hosts set
 * flush-to-zero; their samples may differ in the last bits from those of other hosts.
 *
 * Structs that grow. The first member of options, wavehax_info and wavehax_features is `size`. The
 * caller sets it to the size of the struct that it was compiled with, and later versions add
 * members at the end. In options zero bytes mean the default, and so does a null pointer. A library
 * older than its caller refuses options with members that it does not know
 * (WAVEHAX_ERROR_ARGUMENT), unless they are zero. It sets members of wavehax_info that it does not
 * know to zero. A `size` below that of version 0.1 is refused.
 *
 * Versions. Before 1.0 a minor version may rename, remove or retype anything here, and the
 * changelog says so; a patch version may not. From 1.0 on functions and members are only added.
 *
 * Windows. Define WAVEHAX_STATIC to link the static library. Without it functions are imported from
 * the DLL. */
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
typedef struct wavehax_mel_stream wavehax_mel_stream;

typedef enum wavehax_status {
  WAVEHAX_OK = 0,
  /* A shape, value or name is wrong, or this model or machine does not have it. */
  WAVEHAX_ERROR_ARGUMENT = 1,
  /* The file cannot be read, or is not exactly the model that it describes. */
  WAVEHAX_ERROR_MODEL = 2,
  /* The stream is flushed, or in use by another thread. */
  WAVEHAX_ERROR_STATE = 3,
  /* The system gives no memory, or no thread. */
  WAVEHAX_ERROR_RESOURCE = 4
} wavehax_status;

typedef struct wavehax_error {
  char message[256]; /* printable ASCII, a zero byte at its end; longer texts are cut */
} wavehax_error;

typedef struct wavehax_load_options {
  size_t size; /* sizeof(wavehax_load_options) */
  /* One of wavehax_available_isas(), or "auto" or null for the fastest. WAVEHAX_ISA in the
   * environment replaces "auto" and null. */
  const char* isa;
  /* "fp32" or null; "bf16", which rounds only the weights of the projections and makes streams of
   * few frames faster; "mixed", which rounds the factors of all large products and needs a
   * processor that multiplies bfloat16 (AMX, or AVX-512 with BF16); or "auto", the fastest that
   * this machine has. */
  const char* precision;
} wavehax_load_options;

typedef struct wavehax_vocode_options {
  size_t size;   /* sizeof(wavehax_vocode_options) */
  uint64_t seed; /* noise and initial phase: the same seed gives the same bits */
  /* Most threads that share the utterance; 0 means 1. Each takes a second or more of sound. The
   * samples do not depend on their number. */
  int64_t threads;
  /* A factor of F0, wherever F0 comes from; 0 means 1. Unless it is 1, the harmonics that the mel
   * shows are smoothed away, as they are those of the F0 before scaling. */
  double f0_scale;
  /* A factor of the frequencies of formants, 0.5 to 2; 0 means 1. Less than 1 makes a voice sound
   * larger and more than 1 smaller, at the same pitch. Unless it is 1, harmonics are smoothed away
   * too. */
  double formant_scale;
} wavehax_vocode_options;

typedef struct wavehax_info {
  size_t size;         /* sizeof(wavehax_info), set by the caller */
  int32_t sample_rate; /* Hz */
  int32_t hop_length;  /* samples of output for every frame */
  int32_t n_mels;      /* bands of the mel */
  int32_t streamable;  /* 1: the model can stream; 0: its norm needs the whole utterance */
  /* Samples by which a stream lags: after N frames it has given max(0, N * hop_length - delay). */
  int32_t delay;
  int32_t predicts_f0;   /* 1: f0 may be null */
  const char* isa;       /* instruction set in use; never to be freed */
  const char* precision; /* "fp32", "bf16" or "mixed"; never to be freed */
} wavehax_info;

/* The definition of a model's mel. docs/mels.md says what the members mean. */
typedef struct wavehax_features {
  size_t size;         /* sizeof(wavehax_features), set by the caller */
  int32_t sample_rate; /* Hz */
  int32_t hop_length;  /* samples from a frame to the next */
  int32_t n_fft;       /* samples of a window */
  int32_t n_mels;      /* bands */
  /* Samples by which a stream of mels lags: N of them give max(0, N - delay) / hop_length frames.
   */
  int32_t delay;
  double f_min, f_max;   /* Hz, ends of the lowest and the highest band */
  double log_floor;      /* the least magnitude of a band */
  const char* mel_scale; /* "slaney" or "htk"; never to be freed, like the following */
  const char* mel_norm;  /* "slaney", filters of unit area; or "none", of unit peak */
  const char* padding;   /* "same" or "centre": where the first frame lies */
} wavehax_features;

/* Returns the version of the library. WAVEHAX_VERSION is that of the header. */
WAVEHAX_API const char* wavehax_version(void);

/* Returns the instruction sets that this machine runs, fastest first, separated by commas. Never to
 * be freed. */
WAVEHAX_API const char* wavehax_available_isas(void);

/* Reads and checks a model file, from its path or from `size` bytes in memory, which may be freed
 * afterwards.
 *   options  or null
 *   model    set to the model, to be freed; to null on failure
 * A file is only data: the worst that any content can do is be refused (WAVEHAX_ERROR_MODEL). */
WAVEHAX_API wavehax_status wavehax_model_load(const char* path, const wavehax_load_options* options,
                                              wavehax_model** model, wavehax_error* error);
WAVEHAX_API wavehax_status wavehax_model_load_memory(const void* data, size_t size,
                                                     const wavehax_load_options* options,
                                                     wavehax_model** model, wavehax_error* error);

/* Frees a model, or null. Streams made of it go on. */
WAVEHAX_API void wavehax_model_free(wavehax_model* model);

/* Fills `info`, whose `size` the caller has set. */
WAVEHAX_API wavehax_status wavehax_model_info(const wavehax_model* model, wavehax_info* info,
                                              wavehax_error* error);

/* Returns the configuration in the file, as JSON in UTF-8: "generator", "features" (the definition
 * of a mel), "provenance" and, if the model predicts F0, "f0". Lives as long as the model. Null for
 * a null model. */
WAVEHAX_API const char* wavehax_model_config(const wavehax_model* model);

/* Fills `features`, whose `size` the caller has set. */
WAVEHAX_API wavehax_status wavehax_model_features(const wavehax_model* model,
                                                  wavehax_features* features, wavehax_error* error);

/* Returns the number of frames in the mel of a recording, or -1 for a null model or a negative
 * number of samples. */
WAVEHAX_API int64_t wavehax_mel_frames(const wavehax_model* model, int64_t samples);

/* Computes the mel of a whole recording.
 *   audio  [samples] at the model's sample rate, at least one hop
 *   mel    [wavehax_mel_frames(model, samples)][n_mels], written */
WAVEHAX_API wavehax_status wavehax_log_mel(const wavehax_model* model, const float* audio,
                                           int64_t samples, float* mel, wavehax_error* error);

/* Begins the mel of a recording that comes in pieces. Its frames equal those of wavehax_log_mel,
 * bit for bit. Like other streams it belongs to one thread at a time, and pushing and flushing
 * allocate nothing. `stream` is set to null on failure. */
WAVEHAX_API wavehax_status wavehax_mel_stream_new(const wavehax_model* model,
                                                  wavehax_mel_stream** stream,
                                                  wavehax_error* error);

/* Takes samples and writes the frames that they complete.
 *   audio   [samples], any number of them
 *   mel     [capacity][n_mels], written; samples / hop_length + 1 frames are always enough
 *   frames  set to the number of frames written */
WAVEHAX_API wavehax_status wavehax_mel_stream_push(wavehax_mel_stream* stream, const float* audio,
                                                   int64_t samples, float* mel, int64_t capacity,
                                                   int64_t* frames, wavehax_error* error);

/* Ends the recording and writes the remaining frames, at most delay / hop_length + 2. Only reset or
 * free may follow. */
WAVEHAX_API wavehax_status wavehax_mel_stream_flush(wavehax_mel_stream* stream, float* mel,
                                                    int64_t capacity, int64_t* frames,
                                                    wavehax_error* error);

/* Begins a new recording. Allowed at any time. */
WAVEHAX_API wavehax_status wavehax_mel_stream_reset(wavehax_mel_stream* stream,
                                                    wavehax_error* error);

/* Frees a stream of mels, or null. */
WAVEHAX_API void wavehax_mel_stream_free(wavehax_mel_stream* stream);

/* Synthesises a whole utterance.
 *   mel      [frames][n_mels], 1 to 2**40 frames
 *   f0       [frames], or null to predict it from the mel, if the model can
 *   options  or null
 *   wave     [frames * hop_length], written */
WAVEHAX_API wavehax_status wavehax_vocode(const wavehax_model* model, const float* mel,
                                          const float* f0, int64_t frames,
                                          const wavehax_vocode_options* options, float* wave,
                                          wavehax_error* error);

/* Predicts F0 from a mel [frames][n_mels]: f0 [frames] in Hz, 0 where unvoiced. */
WAVEHAX_API wavehax_status wavehax_predict_f0(const wavehax_model* model, const float* mel,
                                              int64_t frames, float* f0, wavehax_error* error);

/* Begins a voice that takes frames as they come. Concatenated, its samples equal those of
 * wavehax_vocode with the same seed, bit for bit, however the frames are split. `stream` is set to
 * null on failure. */
WAVEHAX_API wavehax_status wavehax_stream_new(const wavehax_model* model, uint64_t seed,
                                              wavehax_stream** stream, wavehax_error* error);

/* Takes the next frames and writes the samples that they complete.
 *   mel      [frames][n_mels], any number of frames
 *   f0       [frames]; or null to predict it, in all pushes of an utterance
 *   wave     [capacity], written; frames * hop_length samples are always enough
 *   samples  set to the number of samples written */
WAVEHAX_API wavehax_status wavehax_stream_push(wavehax_stream* stream, const float* mel,
                                               const float* f0, int64_t frames, float* wave,
                                               int64_t capacity, int64_t* samples,
                                               wavehax_error* error);

/* Ends the utterance and writes the remaining samples, at most `delay`. Only reset or free may
 * follow. */
WAVEHAX_API wavehax_status wavehax_stream_flush(wavehax_stream* stream, float* wave,
                                                int64_t capacity, int64_t* samples,
                                                wavehax_error* error);

/* Begins a new utterance. Allowed at any time. */
WAVEHAX_API wavehax_status wavehax_stream_reset(wavehax_stream* stream, uint64_t seed,
                                                wavehax_error* error);

/* Sets the factors of F0 and of formants, as in wavehax_vocode_options, from the next frame pushed
 * on. A new stream has none, and a reset leaves them. */
WAVEHAX_API wavehax_status wavehax_stream_scale(wavehax_stream* stream, double f0_scale,
                                                double formant_scale, wavehax_error* error);

/* Frees a stream, or null. */
WAVEHAX_API void wavehax_stream_free(wavehax_stream* stream);

#ifdef __cplusplus
}
#endif

#endif
