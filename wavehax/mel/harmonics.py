"""A mel without the harmonics of a voice: the envelope that stays the same when the pitch is
changed.

A mel of a hundred bands resolves the lower harmonics, and a model that sees them puts them back
whatever F0 says. Where F0 is scaled they must go: the power spectrum is smoothed over frequency by
a triangle as wide as two harmonics, after CheapTrick (Morise, Speech Communication 2015, section
3.2), which leaves nothing of a series with that spacing.
"""

from __future__ import annotations

import functools

import numpy as np

from wavehax.config import FeatureConfig
from wavehax.mel.features import interpolation, mel_frequencies

_GRID_HZ = 10.0  # between points of the linear axis on which bands are smoothed
STEPS = 24  # F0 is rounded to an octave over this: the triangle need not be exact to more than 3 %
LOWEST, HIGHEST = 40.0, 2000.0  # Hz; beyond, as at these


def flatten_harmonics(mel: np.ndarray, f0: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """The mel with the harmonics of its voiced frames smoothed away; each frame by itself.

    Args:
        mel: log-mel [n_mels, T] of the definition `features`.
        f0: [T] in Hz of the voice in the mel, 0 where unvoiced.
        features: of the mel.

    Returns:
        float32 [n_mels, T]; unvoiced frames are as they were, but raised to the floor.
    """
    flat = np.maximum(np.asarray(mel, np.float32), np.float32(np.log(features.log_floor)))
    steps = np.rint(STEPS * np.log2(np.clip(f0, LOWEST, HIGHEST) / LOWEST)).astype(int)
    for t in np.flatnonzero(f0 > 0):
        # of values that are no logarithms; their sound is refused
        with np.errstate(over="ignore", invalid="ignore"):
            power = np.exp(2 * flat[:, t].astype(np.float64))
            flat[:, t] = 0.5 * np.log((smoothing(features, int(steps[t])) * power).sum(axis=1))
    return flat


@functools.lru_cache(maxsize=256)
def smoothing(features: FeatureConfig, step: int) -> np.ndarray:
    """[n_mels, n_mels]: power of the bands to the same, smoothed over two of the harmonics of F0
    number `step`.

    That F0 is LOWEST * 2 ** (step / STEPS).
    """
    width = LOWEST * 2 ** (step / STEPS)
    grid, bands = _linear_axis(features)
    # [n_mels, grid]
    triangle = np.maximum(0, 1 - np.abs(grid - mel_frequencies(features)[1:-1, None]) / width)
    return (triangle / triangle.sum(axis=1, keepdims=True)) @ bands


@functools.cache
def _linear_axis(features: FeatureConfig) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz, and [grid, n_mels] that interpolates bands there; the outermost are held
    beyond the ends."""
    grid = np.arange(features.f_min - HIGHEST, features.f_max + HIGHEST, _GRID_HZ)
    centres = mel_frequencies(features)[1:-1]
    return grid, interpolation(grid, centres)
