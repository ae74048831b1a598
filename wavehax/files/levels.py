"""Sets the level of a sound: gain, highest peak, offset, and a count of clipping."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

_LEAST_OFFSET = 0.002  # F0 predicted from the mel suffers from 0.001 on; voices themselves have it
_LEAST_SECONDS = 0.5  # a shorter sound may have a mean of its own


def without_offset(audio: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    """Take the mean out of a recording if it is an offset, as cheap sound cards add one.

    It is nothing to hear. But it fills the lowest bands of a mel, where F0 is predicted from.

    Args:
        audio: floating [N], nominally in [-1, 1].
        sample_rate: Hz.

    Returns:
        the recording, and the offset that was taken out; 0 where it stays as it is: where the mean
        is below 0.002, or the recording shorter than half a second.
    """
    offset = float(np.mean(audio, dtype=np.float64))
    if abs(offset) < _LEAST_OFFSET or len(audio) < _LEAST_SECONDS * sample_rate:
        return audio, 0.0
    return audio - np.float32(offset), offset


def amplified(blocks: Iterable[np.ndarray], gain: float) -> Iterator[np.ndarray]:
    """Multiply the samples of arrays in place by a gain in dB, and yield the same arrays."""
    factor = np.float32(10 ** (gain / 20))
    for block in blocks:
        block *= factor
        yield block


def limited(blocks: Iterable[np.ndarray], peak: float) -> Iterator[np.ndarray]:
    """Scale arrays down in place to a peak in dBFS if theirs is higher, and yield them.

    All of them are kept in memory until the last has come.
    """
    kept = list(blocks)
    target, largest = 10 ** (peak / 20), max((_peak(block) for block in kept), default=0.0)
    # The next smaller factor: rounding it and the products must take no sample above the peak.
    factor = (
        np.nextafter(np.float32(target / largest), np.float32(0))
        if largest > target
        else np.float32(1)
    )
    for block in kept:
        block *= factor
        yield block


class Clipping:
    """Counts samples outside [-1, 1], which integers cannot hold, among those that pass."""

    def __init__(self) -> None:
        self.samples = self.clipped = 0
        self.peak = 0.0

    def watch(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Count in these blocks, and yield the same blocks."""
        for block in blocks:
            peak = _peak(block)
            self.samples += len(block)
            self.clipped += (
                int(np.count_nonzero(block > 1) + np.count_nonzero(block < -1)) if peak > 1 else 0
            )
            self.peak = max(self.peak, peak)
            yield block

    def message(self, subject: str, gain: float = 0.0) -> str | None:
        """One line about the samples of `subject` that were cut off; None if there are none.

        `gain` is the gain in dB that these samples had; the message says with which they would fit.
        """
        if self.clipped == 0:
            return None
        level = 20 * math.log10(self.peak)
        fits = math.floor(100 * (gain - level)) / 100
        return (
            f"{subject}: {self.clipped} of {self.samples} samples clipped, the peak is"
            f" {level:+.2f} dBFS: --gain {fits:.2f} would fit"
        )


def _peak(block: np.ndarray) -> float:
    return float(max(block.max(initial=0), -block.min(initial=0)))
