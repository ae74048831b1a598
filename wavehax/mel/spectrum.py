"""Estimates the spectrum that a mel may come from, and computes other bands from it."""

from __future__ import annotations

import functools

import numpy as np

from wavehax.config import FeatureConfig
from wavehax.mel.features import (
    analysis_window,
    interpolation,
    mel_filterbank,
    mel_frequencies,
)

_FITTING_STEPS = 10  # more steps meet the bands better and sound no better
_TINY = 1e-30  # a value below any floor


def spectrum_of(mel: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """A spectrum whose bands by the definition are nearly `mel`.

    It begins as the level of the bands, interpolated over frequency, and is fitted to them by
    least squares under the constraint that it stays positive (Lee and Seung, NIPS 2000, with the
    filters fixed).

    Args:
        mel: natural mel, float64 [n_mels, T].
        features: the definition.

    Returns:
        magnitudes, float64 [n_fft // 2 + 1, T], without the pre-emphasis of the definition.
    """
    power, filters = features.power, mel_filterbank(features)
    bands = np.exp(power * mel)
    if features.floor == "add":
        bands = np.maximum(bands - features.log_floor, _TINY)
    levels = np.log(bands) - np.log(filters.sum(axis=1))[:, None]
    spectrum = np.exp(_bands_to_bins(features) @ levels)
    wanted = filters.T @ bands
    seen = filters.any(axis=0)  # bins that lie in a band; the others keep their level
    for _ in range(_FITTING_STEPS):
        spectrum[seen] *= (wanted / np.maximum(filters.T @ (filters @ spectrum), _TINY))[seen]
    return spectrum ** (1 / power) / _emphasis(features)[:, None]


def bands_of(spectrum: np.ndarray, source: FeatureConfig, target: FeatureConfig) -> np.ndarray:
    """The natural mel by `target` of magnitudes [bins of `source`, T].

    Returns:
        float64 [n_mels of `target`, T].
    """
    bins = _between(source, target) @ spectrum * _emphasis(target)[:, None]
    bands = mel_filterbank(target) @ (bins if target.power == 1 else bins**2)
    least = target.log_floor
    bands = np.maximum(bands, least) if target.floor == "clip" else bands + least
    return np.maximum(np.log(bands) / target.power, np.log(target.magnitude_floor))


@functools.lru_cache(maxsize=8)
def _bands_to_bins(features: FeatureConfig) -> np.ndarray:
    """Interpolates linearly between the centres of bands, [bins, n_mels]; constant beyond them."""
    return interpolation(_bins(features), mel_frequencies(features)[1:-1])


@functools.lru_cache(maxsize=8)
def _between(source: FeatureConfig, target: FeatureConfig) -> np.ndarray:
    """Maps magnitudes of `source` to those of `target`, [bins of target, bins of source]."""
    # Magnitudes grow with the sum of the window.
    gain = analysis_window(target).sum() / analysis_window(source).sum()
    return gain * interpolation(_bins(target), _bins(source))


def _emphasis(features: FeatureConfig) -> np.ndarray:
    """The factors [bins] by which pre-emphasis multiplies magnitudes."""
    angle = np.pi * np.arange(features.n_fft // 2 + 1) / (features.n_fft // 2)
    return np.abs(1 - features.pre_emphasis * np.exp(-1j * angle))


def _bins(features: FeatureConfig) -> np.ndarray:
    """Frequencies of the bins, Hz."""
    return np.linspace(0, features.sample_rate / 2, features.n_fft // 2 + 1)
