"""The shape of a predictor of F0."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wavehax.config.fields import ConfigError

F0_PEAK_BINS = 4
"""Bins to either side of the likeliest one over which F0 is averaged.

Four bins of 25 cents are a semitone.
"""
_F0_LARGEST = {"channels": 4096, "num_blocks": 10, "kernel_size": 64, "num_bins": 4096}
_F0_HIGHEST = 10_000  # Hz


@dataclass(frozen=True)
class F0Config:
    """The shape of a predictor of F0, which a model may hold (docs/design.md#f0-from-the-mel)."""

    channels: int = 96
    num_blocks: int = 4  # block i is dilated by 2**i frames
    kernel_size: int = 3  # frames
    num_bins: int = 248  # bins of pitch: from 40 Hz in steps of 25 cents they reach 1417 Hz
    f0_min: float = 40.0  # Hz, the lowest bin
    bin_cents: float = 25.0  # cents from one bin to the next

    def __post_init__(self) -> None:
        for name, largest in _F0_LARGEST.items():
            value = getattr(self, name)
            if type(value) is not int or not 0 < value <= largest:
                raise ConfigError(f"{name}={repr(value)[:40]}: expected an integer, 1 to {largest}")
        for name in ("f0_min", "bin_cents"):
            value = getattr(self, name)
            if not 1 <= value <= 1000:
                raise ConfigError(f"{name}={value}: expected 1 to 1000")
        if math.log2(self.f0_min) + (self.num_bins - 1) * self.bin_cents / 1200 > math.log2(
            _F0_HIGHEST
        ):
            raise ConfigError(
                f"num_bins={self.num_bins}: expected bins up to {_F0_HIGHEST} Hz at most"
            )

    @property
    def f0_max(self) -> float:
        """The highest bin, Hz."""
        return self.f0_min * 2 ** ((self.num_bins - 1) * self.bin_cents / 1200)
