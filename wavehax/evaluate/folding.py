"""Measures how far the power of a sound follows the frames that it was made from."""

from __future__ import annotations

import numpy as np

from wavehax.evaluate.frames import band_pass, local_power

POSITIONS = 16
"""Number of positions within a hop whose powers are compared."""

_LEAST_HOPS = 16  # hops in each half of a file, for a figure


def fold_depth(
    wave: np.ndarray, rate: int, hop: float, band: tuple[float, float], mask: np.ndarray
) -> float:
    """Power folded over a hop, peak over valley in dB: 0 for a sound that ignores the frames.

    The power in the band is divided by its mean over the hop around each sample, so that every hop
    counts alike. It is then averaged over all hops, for each of 16 positions within a hop. The
    largest of 16 averages is above the smallest even for noise, by 1 dB and more for a second of
    it. Therefore peak and valley are looked for in one half of the samples, and their powers are
    read in the other half. This is done both ways, and the depth is the mean of the two in dB. For
    noise of any length its mean is 0, and it may be negative.

    Args:
        wave: the sound, [N].
        rate: its sample rate, Hz.
        hop: samples between frames, perhaps not a whole number.
        band: lower and upper edge in Hz.
        mask: bool [N], true for samples that count.

    Returns:
        dB; nan where fewer than 32 hops count.
    """
    counted = np.flatnonzero(mask)
    if len(counted) < 2 * _LEAST_HOPS * hop:
        return float("nan")
    part = band_pass(wave, rate, *band)
    power = part**2 / local_power(part, hop)
    first, second = (_profile(power, half, hop) for half in np.array_split(counted, 2))
    return (_depth(first, second) + _depth(second, first)) / 2


def _profile(power: np.ndarray, samples: np.ndarray, hop: float) -> np.ndarray:
    """Mean power [POSITIONS] of `samples`, by their position within a hop."""
    position = np.minimum((samples / hop % 1 * POSITIONS).astype(int), POSITIONS - 1)
    return np.bincount(position, power[samples], POSITIONS) / np.bincount(
        position, minlength=POSITIONS
    )


def _depth(looked_for: np.ndarray, read: np.ndarray) -> float:
    """Peak over valley in dB in the profile `read`, at their positions in `looked_for`."""
    return float(10 * np.log10(read[looked_for.argmax()] / read[looked_for.argmin()]))
