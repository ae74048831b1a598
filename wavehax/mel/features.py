"""Computes log-mel-spectrogram and F0 from audio, by one definition for training and for use.

The whole project aligns frames and samples by one convention. Output hop t of a generator is
samples [t*hop, (t+1)*hop) of the recording. Mel frame t and F0 frame t are given together. F0
frame t is measured at t*hop, as in the official code.

- `same` frames (the paper's): mel frame t is centred on (t + 1/2)*hop, the middle of its hop. F0 is
  held over the hop.
- `centre` frames (Vocos'): mel frame t is centred on t*hop, the first sample of its hop. There is
  one frame more than N // hop, so the last hop of the output lies (partly) behind the end of the
  recording. A generator whose `frame_alignment` is "centre" synthesises each frame around that
  sample, half a hop to either side.

Segments of training and streams are cut by this convention, and nothing else shifts anything.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wavehax.checks import as_array, checked_audio
from wavehax.config import FeatureConfig
from wavehax.config.written import written
from wavehax.mel import pitch

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

F0_MIN, F0_MAX = 50.0, 1200.0
"""Default range of the search for F0, Hz: bass to falsetto (docs/f0.md#from-a-recording)."""

_BLOCK_FRAMES = 1024  # frames transformed at once: 8 MB of float64 at n_fft 1024


def log_mel(audio: ArrayLike, features: FeatureConfig) -> np.ndarray:
    """The log-mel-spectrogram of a recording, as its definition writes it.

    Args:
        audio: [N], nominally in [-1, 1], at `features.sample_rate`; N >= 1. It may be a PyTorch
            tensor.
        features: the definition of the mel.

    Returns:
        float32 [n_mels, T]; T is `frame_count(N, features)`. By default of the definition's fields
        it is the natural logarithm of magnitude.

    Raises:
        ValueError: `audio` is not floating point, not one-dimensional, is empty, not finite or,
            with `same` padding, shorter than a hop.
    """
    return written(natural_mel(audio, features), features)


def natural_mel(audio: ArrayLike, features: FeatureConfig) -> np.ndarray:
    """The natural mel of a recording (`wavehax.config.written`), with which models compute.

    Arguments and errors are those of `log_mel`.

    Returns:
        float32 [n_mels, T], the natural logarithm of magnitude, at least that of the floor.
    """
    audio = levelled(checked_audio(audio), features)
    num_frames = frame_count(len(audio), features)
    if num_frames == 0:
        raise ValueError(
            f"audio has {len(audio)} samples: expected at least one hop of {features.hop_length}"
        )
    audio = pre_emphasised(audio, features, 0.0)
    mode: Literal["reflect", "constant"] = "reflect" if features.reflects else "constant"
    padded = np.pad(audio, padding_samples(features), mode=mode)
    return natural_mel_of_padded(padded, num_frames, features)


def levelled(audio: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """`audio` [N] at the level of the definition: its highest sample at `peak`, or as it is.

    Silence stays silent.
    """
    highest = np.abs(audio).max(initial=0.0) if features.peak else 0.0
    return audio if highest == 0 else audio * (features.peak / highest)


def pre_emphasised(audio: np.ndarray, features: FeatureConfig, before: float) -> np.ndarray:
    """`audio` [N] with the definition's pre-emphasis; `before` is the sample before the first."""
    if not features.pre_emphasis or not len(audio):
        return audio
    previous = np.concatenate([[before], audio[:-1]])
    return audio - features.pre_emphasis * previous


def padding_samples(features: FeatureConfig) -> int:
    """Samples of padding on each side of a recording."""
    return (features.n_fft - (0 if features.centred else features.hop_length)) // 2


def natural_mel_of_padded(
    padded: np.ndarray, num_frames: int, features: FeatureConfig
) -> np.ndarray:
    """`natural_mel` of the first `num_frames` frames of audio [M] that is padded already.

    The window of the first frame begins at the first sample. Level and pre-emphasis are done.
    """
    if num_frames == 0:
        return np.empty((features.n_mels, 0), np.float32)
    frames = sliding_window_view(padded, features.n_fft)[:: features.hop_length]
    window, bank = _window_and_bank(features)
    mel = np.empty((features.n_mels, num_frames), np.float32)
    floor = features.log_floor
    for start in range(0, num_frames, _BLOCK_FRAMES):
        stop = min(start + _BLOCK_FRAMES, num_frames)
        magnitude = np.abs(np.fft.rfft(frames[start:stop] * window))
        bands = bank @ (magnitude.T if features.power == 1 else magnitude.T**2)
        bands = np.maximum(bands, floor) if features.floor == "clip" else bands + floor
        mel[:, start:stop] = np.log(bands) / features.power
    if features.clip:
        mel = np.maximum(mel, np.float32(np.log(features.magnitude_floor)))
    return mel


@functools.lru_cache(maxsize=8)
def _window_and_bank(features: FeatureConfig) -> tuple[np.ndarray, np.ndarray]:
    """The window and the filters; kept, as a `MelStream` asks for them with every frame."""
    return analysis_window(features), mel_filterbank(features)


def frame_count(num_samples: int, features: FeatureConfig) -> int:
    """Frames of a recording of N samples.

    There are N // hop_length with `same` padding, and one more with `centre`.
    """
    return num_samples // features.hop_length + features.centred


def whole_frames(audio: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """A recording with zeros behind it, so that the hops of its frames cover every sample.

    Where frames are not centred, `log_mel` leaves out what is less than a hop at the end. Where it
    reflects the ends, a recording shorter than the padding would be reflected many times.

    Args:
        audio: [N], N >= 1.
        features: the definition of the mel.

    Returns:
        [M], M >= N: `frame_count(M, features)` hops are N samples or more.
    """
    samples = len(audio)
    if features.reflects:
        samples = max(samples, padding_samples(features) + 1)
    if not features.centred:
        samples = -(-samples // features.hop_length) * features.hop_length
    return np.pad(audio, (0, samples - len(audio)))


def hann_window(length: int) -> np.ndarray:
    """The periodic Hann window, float64 [length]."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def analysis_window(features: FeatureConfig) -> np.ndarray:
    """The periodic window of a definition in the middle of zeros, float64 [n_fft]."""
    length = features.window_length
    window = hann_window(length)
    if features.window == "hamming":
        window = 0.08 + 0.92 * window
    before = (features.n_fft - length) // 2
    return np.pad(window, (before, features.n_fft - length - before))


def mel_filterbank(features: FeatureConfig) -> np.ndarray:
    """Triangular filters over the bins of a spectrum.

    Returns:
        float64 [n_mels, n_fft // 2 + 1]; each has unit peak, or, with `mel_norm="slaney"`, unit
        area over frequency in Hz.
    """
    edges = mel_frequencies(features)
    bins = np.linspace(0, features.sample_rate / 2, features.n_fft // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    bank = np.maximum(0, np.minimum(rising, falling))
    if features.mel_norm == "slaney":
        bank *= 2 / (edges[2:] - edges[:-2])[:, None]
    return bank


def mel_frequencies(features: FeatureConfig) -> np.ndarray:
    """Edges and centres of the bands.

    Returns:
        float64 [n_mels + 2] in Hz; band i rises from [i] to its peak at [i + 1] and falls to
        [i + 2].
    """
    low, high = _hz_to_mel(np.array([features.f_min, features.f_max]), features.mel_scale)
    return _mel_to_hz(np.linspace(low, high, features.n_mels + 2), features.mel_scale)


def interpolation(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Linear interpolation as a matrix [len(wanted), len(known)] over values at `known`.

    `known` ascends; the outermost values are held beyond its ends.
    """
    return np.stack([np.interp(wanted, known, unit) for unit in np.eye(len(known))], axis=1)


# The scale of Slaney's Auditory Toolbox is linear up to 1 kHz (15 mel). Above, 27 mel are a factor
# of 6.4. The HTK scale below has its usual constants 2595 and 700.
_SLANEY_HZ_PER_MEL = 200 / 3
_SLANEY_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: np.ndarray, scale: str) -> np.ndarray:
    if scale == "htk":
        return 2595 * np.log10(1 + hz / 700)
    return np.where(
        hz < 1000,
        hz / _SLANEY_HZ_PER_MEL,
        15 + np.log(np.maximum(hz, 1000) / 1000) / _SLANEY_LOG_STEP,
    )


def _mel_to_hz(mel: np.ndarray, scale: str) -> np.ndarray:
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(
        mel < 15,
        mel * _SLANEY_HZ_PER_MEL,
        1000 * np.exp(_SLANEY_LOG_STEP * (np.maximum(mel, 15) - 15)),
    )


def f0_from_audio(
    audio: ArrayLike,
    features: FeatureConfig,
    f0_min: float = F0_MIN,
    f0_max: float = F0_MAX,
    method: str = pitch.METHODS[0],
    *,
    predicted: ArrayLike | None = None,
) -> np.ndarray:
    """The F0 of a recording.

    Args:
        audio: [N], at `features.sample_rate`; N >= 1. It may be a PyTorch tensor.
        features: gives the sample rate and the frames.
        f0_min: lowest F0 searched for, Hz.
        f0_max: highest F0 searched for, Hz.
        method: one of `wavehax.mel.pitch.METHODS`, which that module describes.
        predicted: [T], the F0 that a model predicts from the mel of this recording
            (`Vocoder.f0`); the method "refined" needs it, and no other takes it.

    Returns:
        float32 [T] in Hz, 0 where unvoiced, T as that of `log_mel`; frame t is measured at sample
        t * hop_length.

    Raises:
        ValueError: `audio` is not floating point, not one-dimensional, is empty or not finite, the
            range is empty, there is no such method, or `predicted` is missing, has another shape
            or is not wanted.
        ModuleNotFoundError: pyworld is not installed (extra `f0`); "refined" needs none.
    """
    if not 0 < f0_min < f0_max < features.sample_rate / 2:
        raise ValueError(
            f"f0_min={f0_min}, f0_max={f0_max}: expected 0 < f0_min < f0_max < sample_rate / 2"
        )
    if method not in pitch.METHODS:
        raise ValueError(f"method={method!r}: expected one of {', '.join(pitch.METHODS)}")
    audio = checked_audio(audio)
    frames = frame_count(len(audio), features)
    rate, hop = features.sample_rate, features.hop_length
    if (predicted is not None) != (method == "refined"):
        raise ValueError(
            f"method={method!r}: expected predicted F0 with 'refined', and with no other method"
        )
    if predicted is None:
        measure = pitch.two_pass if method == "two-pass" else pitch.harvest
        return measure(audio, rate, hop, frames, f0_min, f0_max)
    predicted = as_array(predicted)
    if predicted.shape != (frames,):
        raise ValueError(f"predicted has shape {list(predicted.shape)}: expected [{frames}]")
    inside = (predicted >= f0_min) & (predicted <= f0_max)
    return pitch.refined(audio, rate, hop, np.where(inside, predicted, 0))
