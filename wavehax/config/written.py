"""Converts a mel from the numbers that its definition writes to those of models, and back.

A model computes with the *natural* mel: the natural logarithm of magnitudes, or half that of
powers. A definition may write other numbers, such as decibels that are normalised. The two are
related by one line for each band, so that nothing is lost.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from wavehax.config.features import FeatureConfig


def natural(mel: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """The natural mel of one that is written as `features` says.

    Args:
        mel: floating [n_mels, T].
        features: the definition of the mel.

    Returns:
        [n_mels, T] in the type of `mel`; `mel` itself where the definition is plain. It is not
        raised to the floor.
    """
    if features.plain:
        return mel
    slope, offset = _line(features)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused later
        return (mel * slope + offset).astype(mel.dtype)


def written(mel: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """The mel as `features` writes it: the inverse of `natural`, then limited to `clip`.

    Args:
        mel: floating [n_mels, T], a natural mel.
        features: the definition wanted.

    Returns:
        [n_mels, T] in the type of `mel`; `mel` itself where nothing changes.
    """
    if not features.plain:
        slope, offset = _line(features)
        mel = ((mel - offset) / slope).astype(mel.dtype)
    if not features.clip:
        return mel
    low, high = features.clip
    return np.clip(mel, low, high).astype(mel.dtype)


@functools.lru_cache(maxsize=32)
def _line(features: FeatureConfig) -> tuple[np.ndarray, np.ndarray]:
    """Slope and offset, float64 [n_mels or 1, 1], that give the natural mel of a written one."""
    mean = np.array(features.mean or (0.0,))[:, None]
    scale = np.array(features.scale or (1.0,))[:, None]
    unit = features.log_unit
    return unit * scale, unit * mean + math.log(features.reference) / features.power
