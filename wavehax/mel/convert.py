"""Mels of other programs for our models: the same mel written otherwise, and mels of other
definitions.

`natural_log` is exact: base of the logarithm, normalisation, floor. `convert` is an approximation,
between definitions that are alike enough; what would be guessed rather than converted is refused.
The limits below are backed by recordings in tests/test_adapters.py.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import warnings

import numpy as np

from wavehax.checks import checked_mel
from wavehax.config import FeatureConfig
from wavehax.mel.features import frame_count, interpolation, mel_filterbank, mel_frequencies

LOGS = {"e": 1.0, "10": math.log(10), "dB": math.log(10) / 20}
"""Logarithms by name: what one of it, of a magnitude, is as a natural one."""

# Hz between the lowest bands: in 40 (`wavehax-48k`) harmonics survive, in 56 they do not
_WIDEST_BAND = 45.0
# times f_max: at most a third of the spectrum is made up, and that is off by a neper
_FURTHEST = 1.5
_LONGEST_HOP = 1.2  # times that of the target, in seconds; the presets need 1.16
_WINDOWS = 1.1  # times longer or shorter, in seconds; the presets need 1.09

_FITTING_STEPS = 10  # more meet the bands better and sound no better
_TINY = 1e-30  # of a magnitude, below any floor
_BLOCK_FRAMES = 1024  # converted at once: 4 MB of spectrum at n_fft 1024, a few times


def natural_log(
    mel: np.ndarray,
    features: FeatureConfig,
    *,
    log: str = "e",
    power: int = 1,
    mean: float | np.ndarray = 0.0,
    scale: float | np.ndarray = 1.0,
) -> np.ndarray:
    """A mel of the definition `features`, written otherwise, as that definition has it.

    Matcha-TTS, before it denormalises: mean=-5.54, scale=2.12 (its data_statistics mel_mean,
    mel_std); Tacotron 2 with symmetric values to 4, 100 dB below 20 dB: log="dB", mean=-30,
    scale=12.5; ESPnet, ParallelWaveGAN: log="10".

    Args:
        mel: floating [n_mels, T], the logarithm of the mel, less `mean`, divided by `scale`.
        features: what it is apart from that, and the floor that it gets.
        log: "e", "10", or "dB" (20 log10 of magnitude, 10 log10 of power).
        power: 2 where filters are applied to squared magnitudes. Then the result is an
            approximation, exact for a spectrum that is flat within each band.
        mean: a number, or [n_mels].
        scale: a number other than 0, or [n_mels].

    Returns:
        float32 [n_mels, T]; what is not finite is left to be refused where it is used, but for the
        logarithm of 0.

    Raises:
        ValueError: a shape, type or value other than these.
    """
    mel = np.asarray(mel)
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
        # of a band between two bins, which is the floor in any case
        with np.errstate(divide="ignore"):
            values += 0.5 * np.log(mel_filterbank(features).sum(axis=1))[:, None]
    return np.maximum(values, math.log(features.log_floor)).astype(np.float32)


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


def convert(mel: np.ndarray, source: FeatureConfig, target: FeatureConfig) -> np.ndarray:
    """A mel of one definition as one of another, nearly: bands to a spectrum, to bands; linear
    between frames.

    The spectrum begins as the level of the bands, interpolated over frequency, and is fitted to
    them by least squares under the constraint that it stays positive (Lee and Seung, NIPS 2000,
    with the filters fixed). Above the highest frequency of `source` the level of its last band is
    held, and a warning says so.

    Args:
        mel: floating [n_mels, T] as `source` defines it.
        source: the definition that it has.
        target: the definition wanted.

    Returns:
        float32 [n_mels, T'], frames at the times that `target` has them; T' hops are as long as T,
        to a hop.

    Raises:
        ValueError: not such a mel, one too short for a frame of `target`, or `source` does not
            carry what `target` needs: the message says what is missing.
    """
    mel = checked_mel(mel, source)
    if mel.shape[1] == 0:
        raise ValueError("mel is empty: expected at least one frame")
    if dataclasses.replace(source, name=target.name, log_floor=target.log_floor) == target:
        return np.maximum(mel, np.float32(math.log(target.log_floor)))
    _check_convertible(source, target)
    had, wanted = _frame_times(source, mel.shape[1]), _target_times(source, target, mel.shape[1])
    if len(wanted) == 0:
        raise ValueError(
            f"mel of {mel.shape[1]} frames of {source.name!r}: too short for one of"
            f" {target.name!r}, expected more"
        )
    if target.f_max > source.f_max:
        warnings.warn(
            f"{source.name} ends at {source.f_max:g} Hz: above, {target.name} gets its last level,"
            " up to"
            f" {target.f_max:g} Hz",
            stacklevel=2,
        )
    to_bands = _spectrum_to_bands(source, target)
    bands = np.empty((target.n_mels, mel.shape[1]), np.float32)
    for start in range(0, mel.shape[1], _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        # of values that are no logarithms; refused where used
        with np.errstate(over="ignore", invalid="ignore"):
            spectrum = _spectrum(mel[:, block].astype(np.float64), source)
            bands[:, block] = np.log(np.maximum(to_bands @ spectrum, target.log_floor))
    return np.stack([np.interp(wanted, had, band) for band in bands]).astype(np.float32)


def convert_f0(f0: np.ndarray, source: FeatureConfig, target: FeatureConfig) -> np.ndarray:
    """F0 [T] in Hz of the frames of `source` at those of `target`, from the nearest: [T'], as
    `convert` has it."""
    f0 = np.asarray(f0)
    hops = (
        np.arange(len(_target_times(source, target, len(f0))))
        * _hop_seconds(target)
        / _hop_seconds(source)
    )
    return f0[np.minimum(np.rint(hops).astype(int), len(f0) - 1)]


def _check_convertible(source: FeatureConfig, target: FeatureConfig) -> None:
    """Raise ValueError where a mel of `source` would make a bad one of `target`."""
    seconds = [features.n_fft / features.sample_rate for features in (source, target)]
    apart = mel_frequencies(source)[2] - mel_frequencies(source)[1]
    missing = ""
    if not 1 / _WINDOWS <= seconds[0] / seconds[1] <= _WINDOWS:
        missing = (
            f"its window is {1000 * seconds[0]:.1f} ms long, and {1000 * seconds[1]:.1f} ms are"
            " needed"
        )
    elif _hop_seconds(source) > _LONGEST_HOP * _hop_seconds(target):
        missing = (
            f"its hop is {1000 * _hop_seconds(source):.1f} ms, of"
            f" {1000 * _hop_seconds(target):.1f} ms needed"
        )
    elif apart > _WIDEST_BAND:
        missing = (
            f"its bands begin {apart:.0f} Hz apart, and harmonics are lost in more than"
            f" {_WIDEST_BAND:g} Hz"
        )
    elif source.f_min > target.f_min or _FURTHEST * source.f_max < target.f_max:
        missing = (
            f"it has {source.f_min:g}-{source.f_max:g} Hz, of {target.f_min:g}-{target.f_max:g} Hz"
            " needed"
        )
    elif not (filled := mel_filterbank(source).any(axis=1)).all():
        missing = f"its band {int(np.argmin(filled))} lies between two bins, and is always empty"
    if missing:
        raise ValueError(
            f"mel {source.name!r} cannot be made into {target.name!r}: {missing}; use a model of"
            " its own mel"
        )


def _spectrum(mel: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """Magnitudes of the bins [n_fft // 2 + 1, T] that a log-mel [n_mels, T] may have come from."""
    filters, level_of_bins = mel_filterbank(features), _bands_to_bins(features)
    spectrum = np.exp(level_of_bins @ (mel - np.log(filters.sum(axis=1))[:, None]))
    wanted = filters.T @ np.exp(mel)
    seen = filters.any(axis=0)  # by a band; others keep their level
    for _ in range(_FITTING_STEPS):
        spectrum[seen] *= (wanted / np.maximum(filters.T @ (filters @ spectrum), _TINY))[seen]
    return spectrum


@functools.cache
def _bands_to_bins(features: FeatureConfig) -> np.ndarray:
    """[bins, n_mels]: linear interpolation between the centres of bands, held beyond them."""
    return interpolation(_bins(features), mel_frequencies(features)[1:-1])


@functools.cache
def _spectrum_to_bands(source: FeatureConfig, target: FeatureConfig) -> np.ndarray:
    """[n_mels of target, bins of source]: from magnitudes of `source` to bands of `target`."""
    between = interpolation(_bins(target), _bins(source))
    gain = target.n_fft / source.n_fft  # of magnitudes, with the sum of the window
    return gain * mel_filterbank(target) @ between


def _bins(features: FeatureConfig) -> np.ndarray:
    """Frequencies of the bins, Hz."""
    return np.linspace(0, features.sample_rate / 2, features.n_fft // 2 + 1)


def _hop_seconds(features: FeatureConfig) -> float:
    return features.hop_length / features.sample_rate


def _frame_times(features: FeatureConfig, frames: int) -> np.ndarray:
    """The centres of frames, in seconds."""
    return (np.arange(frames) + (0.5 if features.padding == "same" else 0.0)) * _hop_seconds(
        features
    )


def _target_times(source: FeatureConfig, target: FeatureConfig, frames: int) -> np.ndarray:
    """The centres of the frames of `target` over the length of so many frames of `source`, in
    seconds."""
    hops = frames - (source.padding == "centre")
    samples = round(hops * _hop_seconds(source) * target.sample_rate)
    return _frame_times(target, frame_count(samples, target))
