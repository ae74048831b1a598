"""Voice-like signals for the tests of evaluation."""

from __future__ import annotations

import numpy as np

RATE = 24000


def voice(seconds: float = 2.0, pitch: float = 140.0, tilt: float = 1.0) -> np.ndarray:
    """A voiced sound, harmonics falling as 1 / k ** tilt, with a pause of a fifth of a second every
    second."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 2 * time))) / RATE
    wave = sum(np.sin(k * phase) / k**tilt for k in range(1, 40)) * (time % 1 < 0.8)
    return (0.1 * wave + 1e-4 * np.random.default_rng(0).standard_normal(len(time))).astype(
        np.float32
    )


def noisy(wave: np.ndarray, level: float) -> np.ndarray:
    """`wave` with white noise of this rms."""
    return wave + np.float32(level) * np.random.default_rng(1).standard_normal(len(wave)).astype(
        np.float32
    )
