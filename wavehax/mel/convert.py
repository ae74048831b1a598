"""Converts mels of other programs to those of our models.

`natural_log` undoes another way of writing the same mel, exactly: the base of the logarithm,
normalisation, the floor. `convert` turns a mel of one definition into one of another, nearly. It
refuses definitions that differ so much that it would have to guess; the limits below are those up
to which recordings are converted well in tests/test_adapters.py.
"""

from __future__ import annotations

import math

import numpy as np

from wavehax.checks import as_array, checked_mel
from wavehax.config import LOGS, FeatureConfig
from wavehax.config.written import written
from wavehax.errors import warn_of_all
from wavehax.mel.features import frame_count, mel_filterbank, mel_frequencies
from wavehax.mel.plausible_mel import check_source
from wavehax.mel.spectrum import bands_of, spectrum_of

# Hz between the lowest bands. Harmonics survive at 40 (`wavehax-48k`), and do not at 56.
_WIDEST_BAND = 45.0
# The target's f_max over the source's. At 1.5 a third of the spectrum is made up, and is wrong by
# about a neper.
_FURTHEST = 1.5
# Hz; voices have little below, and 80 are too many.
_HIGHEST_BEGIN = 40.0
_LONGEST_HOP = 1.2  # the source's hop over the target's, in seconds; the presets need 1.16
_WINDOWS = 1.1  # ratio of the windows' lengths in seconds, either way; the presets need 1.09

_REACH = 3  # frames on either side that interpolation weighs
_BLOCK_FRAMES = 1024  # frames converted at once: their spectrum takes 4 MB at n_fft 1024


def natural_log(
    mel: np.ndarray,
    features: FeatureConfig,
    *,
    log: str = "e",
    power: int = 1,
    mean: float | np.ndarray = 0.0,
    scale: float | np.ndarray = 1.0,
) -> np.ndarray:
    """Undo another way of writing a mel: give it the logarithm, scale and floor of `features`.

    Matcha-TTS, before it denormalises, needs mean=-5.54, scale=2.12 (mel_mean and mel_std of its
    data_statistics). Tacotron 2 with symmetric values up to 4, which cover the 100 dB below 20 dB,
    needs log="dB", mean=-30, scale=12.5. ESPnet and ParallelWaveGAN need log="10".

    Args:
        mel: floating [n_mels, T], perhaps a PyTorch tensor: the logarithm of the mel, less `mean`,
            divided by `scale`.
        features: the definition of the mel in all else, and of the result.
        log: "e", "10", or "dB" (20 log10 of magnitude, 10 log10 of power).
        power: 2 where filters are applied to squared magnitudes, or else 1. With 2 the result is an
            approximation, exact for a spectrum that is flat within each band.
        mean: a number, or one for each band, [n_mels].
        scale: a number other than 0, or one for each band, [n_mels].

    Returns:
        float32 [n_mels, T], at least the logarithm of `features.log_floor`. NaN and infinity stay,
        except that the logarithm of 0 becomes the floor; `Vocoder` refuses them.

    Raises:
        ValueError: a shape, type or value other than these.
    """
    mel = as_array(mel)
    if mel.dtype.kind != "f" or mel.ndim != 2 or len(mel) != features.n_mels:
        raise ValueError(
            f"mel is {mel.dtype} {list(mel.shape)}: expected floating point [{features.n_mels}, T]"
        )
    if log not in LOGS:
        raise ValueError(f"log={log!r}: expected one of {', '.join(LOGS)}")
    if power not in (1, 2):
        raise ValueError(f"power={power!r}: expected 1 or 2")
    mean, scale = _statistic("mean", mean, features), _statistic("scale", scale, features)
    factor = LOGS[log] / (1 if log == "dB" else power)
    values = factor * (mel * scale + mean)
    if power == 2:
        # A band between two bins divides by 0; its level is the floor in any case.
        with np.errstate(divide="ignore"):
            values += 0.5 * np.log(mel_filterbank(features).sum(axis=1))[:, None]
    return np.maximum(values, math.log(features.magnitude_floor)).astype(np.float32)


def _statistic(name: str, value: float | np.ndarray, features: FeatureConfig) -> np.ndarray:
    """`value` as float64 [n_mels or 1, 1]."""
    array = np.asarray(value, np.float64)
    if (
        array.shape not in ((), (features.n_mels,))
        or not np.isfinite(array).all()
        or (name == "scale" and 0 in array)
    ):
        raise ValueError(
            f"{name} is {str(value)[:40]}, shape {list(array.shape)}: expected one finite number"
            f" or {features.n_mels} of them{', not 0' if name == 'scale' else ''}"
        )
    return array.reshape(-1, 1)


def convert(
    mel: np.ndarray,
    source: FeatureConfig,
    target: FeatureConfig,
    *,
    force_definition: bool = False,
) -> np.ndarray:
    """Convert a mel from one definition to another, nearly.

    Where the bands are the same, only the writing changes, and nothing is lost. Otherwise a
    spectrum is estimated from the bands of `source` (`wavehax.mel.spectrum`), and the bands of
    `target` are computed from it. Between frames the result is interpolated by the polynomial
    through six of them. Above the highest frequency of `source` the level of its last band is held,
    and below its lowest that of its first; a warning says so.

    Args:
        mel: floating [n_mels, T] as `source` defines it.
        source: the definition of `mel`.
        target: the definition wanted.
        force_definition: take a mel that is clearly one of another preset. A mel with levels that
            no speech has by `source` gives a warning unless this is set.

    Returns:
        float32 [n_mels of `target`, T'] as `target` writes it, with frames at its times. T' hops of
        `target` are as long as T hops of `source`, to a hop.

    Raises:
        ValueError: `mel` is no such mel, too short for a frame of `target`, or clearly one of
            another preset; or it cannot be converted to `target`, and the message says what
            `source` lacks.
    """
    mel = checked_mel(mel, source)
    if mel.shape[1] == 0:
        raise ValueError("mel is empty: expected at least one frame")
    if not source.same_bands(target):
        check_convertible(source, target)
    if not force_definition:
        check_source(mel, source)
    if source.same_bands(target):
        return written(np.maximum(mel, np.float32(math.log(target.magnitude_floor))), target)
    return _converted(mel, source, target)


def _converted(mel: np.ndarray, source: FeatureConfig, target: FeatureConfig) -> np.ndarray:
    """`convert` of a natural mel, where the bands differ and all else was checked."""
    times = _target_times(source, target, mel.shape[1])
    if len(times) == 0:
        raise ValueError(
            f"mel of {mel.shape[1]} frames of {source.name!r}: too short for one of"
            f" {target.name!r}, expected more"
        )
    if target.f_max > source.f_max:
        warn_of_all(
            f"{source.name} ends at {source.f_max:g} Hz: above, {target.name} gets its last level,"
            f" up to {target.f_max:g} Hz"
        )
    if target.f_min < source.f_min:
        warn_of_all(
            f"{source.name} begins at {source.f_min:g} Hz: below, {target.name} gets its first"
            " level"
        )
    bands = np.empty((target.n_mels, mel.shape[1]), np.float32)
    for start in range(0, mel.shape[1], _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        # Values that are no logarithms overflow here; `Vocoder` refuses the result.
        with np.errstate(over="ignore", invalid="ignore"):
            spectrum = spectrum_of(mel[:, block].astype(np.float64), source)
            bands[:, block] = bands_of(spectrum, source, target)
    frames = times / _hop_seconds(source) - (0.0 if source.centred else 0.5)
    with np.errstate(invalid="ignore"):
        bands = np.maximum(_resampled(bands, frames), np.float32(math.log(target.magnitude_floor)))
    return written(bands, target)


def _resampled(bands: np.ndarray, at: np.ndarray) -> np.ndarray:
    """`bands` [n_mels, T] at fractions of a frame `at` [T'], as float32.

    It is the polynomial through the six frames around (Lagrange's); the first and the last frame
    are held beyond the ends. Linear interpolation would smooth over time where it falls between
    frames, which costs 0.13 of PESQ-WB.
    """
    first = np.floor(at).astype(int)
    offsets = np.arange(1 - _REACH, _REACH + 1)
    distance = (at - first)[:, None] - offsets
    others = [np.delete(np.arange(2 * _REACH), tap) for tap in range(2 * _REACH)]
    weights = np.stack(
        [
            np.prod(distance[:, other] / (offsets[tap] - offsets[other]), axis=1)
            for tap, other in enumerate(others)
        ],
        axis=1,
    )
    index = np.clip(first[:, None] + offsets, 0, bands.shape[1] - 1)
    result = np.zeros((len(bands), len(at)))
    for tap in range(2 * _REACH):
        result += weights[:, tap] * bands[:, index[:, tap]]
    return result.astype(np.float32)


def convert_f0(f0: np.ndarray, source: FeatureConfig, target: FeatureConfig) -> np.ndarray:
    """Convert F0 from the frames of one definition to those of another: the nearest frame's.

    Args:
        f0: [T] in Hz, 0 where unvoiced, at the frames of `source`.
        source: the definition that `f0` belongs to.
        target: the definition wanted.

    Returns:
        [T'] in Hz; T' is the number of frames that `convert` gives.
    """
    f0 = as_array(f0)
    hops = (
        np.arange(len(_target_times(source, target, len(f0))))
        * _hop_seconds(target)
        / _hop_seconds(source)
    )
    return f0[np.minimum(np.rint(hops).astype(int), len(f0) - 1)]


def check_convertible(source: FeatureConfig, target: FeatureConfig) -> None:
    """Raise ValueError where a mel of `source` would make a bad one of `target`."""
    seconds = [features.window_length / features.sample_rate for features in (source, target)]
    apart = mel_frequencies(source)[2] - mel_frequencies(source)[1]
    missing = ""
    if not 1 / _WINDOWS <= seconds[0] / seconds[1] <= _WINDOWS:
        missing = (
            f"its window is {1000 * seconds[0]:.1f} ms long, and {1000 * seconds[1]:.1f} ms are"
            " needed"
        )
    elif _hop_seconds(source) > _LONGEST_HOP * _hop_seconds(target):
        missing = (
            f"its hop is {1000 * _hop_seconds(source):.1f} ms, and"
            f" {1000 * _hop_seconds(target):.1f} ms are needed"
        )
    elif apart > _WIDEST_BAND:
        missing = (
            f"its bands begin {apart:.0f} Hz apart, and harmonics are lost in more than"
            f" {_WIDEST_BAND:g} Hz"
        )
    elif (
        source.f_min > max(target.f_min, _HIGHEST_BEGIN) or _FURTHEST * source.f_max < target.f_max
    ):
        missing = (
            f"it has {source.f_min:g}-{source.f_max:g} Hz, and"
            f" {target.f_min:g}-{target.f_max:g} Hz are needed"
        )
    elif not (filled := mel_filterbank(source).any(axis=1)).all():
        missing = f"its band {int(np.argmin(filled))} lies between two bins, and is always empty"
    if missing:
        raise ValueError(
            f"mel {source.name!r} cannot be made into {target.name!r}: {missing}; use a model of"
            " its own mel"
        )


def _hop_seconds(features: FeatureConfig) -> float:
    return features.hop_length / features.sample_rate


def _frame_times(features: FeatureConfig, frames: int) -> np.ndarray:
    """The centres of frames, in seconds."""
    return (np.arange(frames) + (0.0 if features.centred else 0.5)) * _hop_seconds(features)


def _target_times(source: FeatureConfig, target: FeatureConfig, frames: int) -> np.ndarray:
    """The centres, in seconds, of the frames of `target` that fit into `frames` of `source`."""
    hops = frames - (source.centred)
    samples = round(hops * _hop_seconds(source) * target.sample_rate)
    return _frame_times(target, frame_count(samples, target))
