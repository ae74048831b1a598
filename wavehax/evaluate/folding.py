"""How far the power of a sound follows the grid of frames it was made on."""

from __future__ import annotations

import numpy as np

from wavehax.evaluate.frames import band_pass, local_power

POSITIONS = 16
"""Parts of a hop whose power is told apart."""

_LEAST_HOPS = 16  # in each half of a file: of fewer there is no figure


def fold_depth(
    wave: np.ndarray, rate: int, hop: float, band: tuple[float, float], mask: np.ndarray
) -> float:
    """Power folded over a hop, peak over valley in dB: 0 for a sound that knows nothing of the
    frames.

    The power in the band is divided by its mean over the hop around each sample, so that every hop
    counts alike, and averaged over all hops for each of 16 positions within one. The largest of 16
    averages over the smallest is above 0 dB even for noise, 1 dB and more for a second of it. So
    peak and valley are looked for in one half of the samples and their powers are read in the other
    half, and then the other way round; the depth is the mean of the two in dB. That has a mean of 0
    for noise however short, and may be negative.

    Args:
        wave: [N].
        rate: Hz.
        hop: samples between frames, perhaps not a whole number.
        band: lower and upper edge in Hz.
        mask: bool [N], the samples that count.

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
    """Mean power [POSITIONS] of the samples by their position within a hop."""
    position = np.minimum((samples / hop % 1 * POSITIONS).astype(int), POSITIONS - 1)
    return np.bincount(position, power[samples], POSITIONS) / np.bincount(
        position, minlength=POSITIONS
    )


def _depth(looked_for: np.ndarray, read: np.ndarray) -> float:
    """Peak over valley of one profile, at the positions that they have in another, in dB."""
    return float(10 * np.log10(read[looked_for.argmax()] / read[looked_for.argmin()]))
