"""Smooths the harmonics of a voice out of its mel, which leaves the envelope.

A mel of a hundred bands resolves the lower harmonics, and a model that sees them puts them back
whatever F0 says. Where F0 is scaled they must go. The power spectrum is smoothed over frequency by
a triangle as wide as two harmonics, after CheapTrick (Morise, Speech Communication 2015, section
3.2), which leaves nothing of a series with that spacing.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from wavehax.checks import as_array, checked_f0
from wavehax.config import FeatureConfig
from wavehax.mel.features import interpolation, mel_frequencies

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_GRID_HZ = 10.0  # between points of the linear axis on which bands are smoothed
STEPS = 24  # steps to an octave that F0 is rounded to: a width exact to 3 % is enough
LOWEST, HIGHEST = 40.0, 2000.0  # Hz; an F0 beyond these counts as these


def flatten_harmonics(mel: ArrayLike, f0: ArrayLike, features: FeatureConfig) -> np.ndarray:
    """Smooth the harmonics of voiced frames away, each frame by itself.

    Args:
        mel: natural mel [n_mels, T] (`wavehax.config.written`) of the definition `features`.
        f0: [T] in Hz of the voice in the mel, 0 where unvoiced. Both may be PyTorch tensors.
        features: the definition of the mel.

    Returns:
        float32 [n_mels, T]; unvoiced frames stay as they are, but not below the floor.

    Raises:
        ValueError: `f0` or the shape of `mel` is not as in `Vocoder.__call__`.
    """
    mel = as_array(mel)
    if mel.ndim != 2 or len(mel) != features.n_mels:
        raise ValueError(f"mel has shape {list(mel.shape)}: expected [{features.n_mels}, T]")
    f0 = checked_f0(f0, mel.shape[1])
    flat = np.maximum(np.asarray(mel, np.float32), np.float32(np.log(features.magnitude_floor)))
    steps = np.rint(STEPS * np.log2(np.clip(f0, LOWEST, HIGHEST) / LOWEST)).astype(int)
    for t in np.flatnonzero(f0 > 0):
        # Values that are no logarithms overflow here; their sound is refused later.
        with np.errstate(over="ignore", invalid="ignore"):
            power = np.exp(2 * flat[:, t].astype(np.float64))
            flat[:, t] = 0.5 * np.log((smoothing(features, int(steps[t])) * power).sum(axis=1))
    return flat


@functools.lru_cache(maxsize=256)
def smoothing(features: FeatureConfig, step: int) -> np.ndarray:
    """The matrix [n_mels, n_mels] that smooths the power of bands over two harmonics.

    Their F0 is LOWEST * 2 ** (step / STEPS) Hz.
    """
    width = LOWEST * 2 ** (step / STEPS)
    grid, bands = _linear_axis(features)
    centres = mel_frequencies(features)[1:-1, None]
    triangle = np.maximum(0, 1 - np.abs(grid - centres) / width)  # [n_mels, grid]
    return (triangle / triangle.sum(axis=1, keepdims=True)) @ bands


@functools.cache
def _linear_axis(features: FeatureConfig) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spaced frequencies in Hz, and the matrix [grid, n_mels] that interpolates bands there.

    Beyond the outermost bands the result is constant.
    """
    grid = np.arange(features.f_min - HIGHEST, features.f_max + HIGHEST, _GRID_HZ)
    centres = mel_frequencies(features)[1:-1]
    return grid, interpolation(grid, centres)
