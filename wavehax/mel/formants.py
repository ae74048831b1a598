"""Moves the formants of a voice in its mel, which makes it sound larger or smaller.

The axis of frequency is stretched as in vocal tract length normalisation (Lee and Rose, IEEE
Transactions on Speech and Audio Processing 6(1), 1998): by the factor up to a knee, and above it
by a line that keeps the highest band where it is. So no band is left empty, and none is lost.

Harmonics must not move with the formants. A mel that shows them is flattened before
(wavehax.mel.harmonics).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from wavehax.checks import as_array, checked_f0
from wavehax.config import FeatureConfig
from wavehax.mel.features import mel_frequencies
from wavehax.mel.harmonics import HIGHEST, LOWEST

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_KNEE = 0.8  # of f_max: neither the old nor the new frequency of the knee is higher
_LEAST = 1e-30  # of a frame's greatest power, so that a ratio of energies is finite


def move_formants(
    mel: ArrayLike, f0: ArrayLike, scale: float, features: FeatureConfig
) -> np.ndarray:
    """Multiply the frequencies of all formants by `scale`, in each frame by itself.

    The energy of a frame stays: that of noise under its envelope or, where it is voiced, that of
    the harmonics of `f0`.

    Args:
        mel: log-mel [n_mels, T] of the definition `features`, without harmonics.
        f0: [T] in Hz of the voice to be made, 0 where unvoiced.
        scale: more than 1 for a smaller speaker, less than 1 for a larger one.
        features: the definition of the mel.

    Returns:
        float32 [n_mels, T], not below the floor. A frame that is all floor stays as it is.

    Raises:
        ValueError: `f0` is not as in `Vocoder.__call__`, or has not the frames of `mel`.
    """
    mel = as_array(mel)
    f0 = checked_f0(f0, mel.shape[1])
    floor = np.float32(np.log(features.magnitude_floor))
    moved = np.maximum(mel.astype(np.float32, copy=False), floor)
    centres, widths, offset = _bands(features)
    sources = _sources(features, scale)
    # Values that are no logarithms may overflow here; their sound is refused later.
    with np.errstate(over="ignore", invalid="ignore"):
        for t in np.flatnonzero((moved > floor).any(axis=0)):
            level = moved[:, t].astype(np.float64) - offset
            level_moved = np.interp(sources, centres, level)
            top = level.max()
            before, after = (
                _energy(one - top, float(f0[t]), features.f_max, centres, widths) + _LEAST
                for one in (level, level_moved)
            )
            gain = 0.5 * np.log(before / after)
            moved[:, t] = np.maximum(level_moved + gain + offset, floor)
    return moved


def _energy(
    level: np.ndarray, f0: float, f_max: float, centres: np.ndarray, widths: np.ndarray
) -> float:
    """The energy of a frame whose bands have these levels, in natural logarithms of magnitude."""
    if f0 > 0:
        spacing = min(max(f0, LOWEST), HIGHEST)
        harmonics = np.arange(1, int(f_max / spacing) + 1) * spacing
        return float(np.exp(2 * np.interp(harmonics, centres, level)).sum())
    return float((np.exp(2 * level) * widths).sum())


@functools.lru_cache(maxsize=8)
def _bands(features: FeatureConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre and width of each band in Hz, and its log-mel where a spectrum is 1 everywhere.

    The last is given but for a constant.
    """
    edges = mel_frequencies(features)
    widths = (edges[2:] - edges[:-2]) / 2
    unit_area = features.mel_norm == "slaney"
    return edges[1:-1], widths, np.zeros(len(widths)) if unit_area else np.log(widths)


@functools.lru_cache(maxsize=8)
def _sources(features: FeatureConfig, scale: float) -> np.ndarray:
    """The frequency in Hz, before, of what is at the centre of each band afterwards."""
    centres = _bands(features)[0]
    knee = _KNEE * features.f_max / max(1.0, scale)
    if max(knee, scale * knee) >= centres[-1]:  # a few wide bands
        return centres / scale
    return np.interp(centres, [0.0, scale * knee, centres[-1]], [0.0, knee, centres[-1]])
