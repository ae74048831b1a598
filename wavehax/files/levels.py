"""The level of a sound on its way to integers: gain, a largest peak, and a count of what full scale
cuts off."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np


def amplified(blocks: Iterable[np.ndarray], gain: float) -> Iterator[np.ndarray]:
    """The same arrays, their samples multiplied in place by a gain in dB."""
    factor = np.float32(10 ** (gain / 20))
    for block in blocks:
        block *= factor
        yield block


def limited(blocks: Iterable[np.ndarray], peak: float) -> Iterator[np.ndarray]:
    """The same arrays, scaled down in place to a peak in dBFS where theirs is above it; all are
    kept in memory."""
    kept = list(blocks)
    target, largest = 10 ** (peak / 20), max((_peak(block) for block in kept), default=0.0)
    # A little less, so that rounding the factor and the products takes no sample beyond.
    factor = (
        np.nextafter(np.float32(target / largest), np.float32(0))
        if largest > target
        else np.float32(1)
    )
    for block in kept:
        block *= factor
        yield block


class Clipping:
    """Counts the samples that are outside [-1, 1], which integers cannot hold, as they pass."""

    def __init__(self) -> None:
        self.samples = self.clipped = 0
        self.peak = 0.0

    def watch(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks."""
        for block in blocks:
            peak = _peak(block)
            self.samples += len(block)
            self.clipped += (
                int(np.count_nonzero(block > 1) + np.count_nonzero(block < -1)) if peak > 1 else 0
            )
            self.peak = max(self.peak, peak)
            yield block

    def message(self, subject: str, gain: float = 0.0) -> str | None:
        """One line about what was cut off in `subject`, where `gain` in dB was applied before; None
        if nothing was."""
        if self.clipped == 0:
            return None
        level = 20 * math.log10(self.peak)
        fits = math.floor(100 * (gain - level)) / 100
        return (
            f"{subject}: {self.clipped} of {self.samples} samples clipped, the peak is"
            f" {level:+.2f} dBFS:"
            f" --gain {fits:.2f} would fit"
        )


def _peak(block: np.ndarray) -> float:
    return float(max(block.max(initial=0), -block.min(initial=0)))
