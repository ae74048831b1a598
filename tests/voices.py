"""Sounds like a voice, for corpora that tests fabricate."""

from __future__ import annotations

import numpy as np


def voice(seconds: float, pitch: float, seed: int, rate: int = 24000) -> np.ndarray:
    """Harmonics of `pitch` Hz with some vibrato, unvoiced gaps and noise: float32 [seconds *
    rate]."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 2 * time))) / rate
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 20) if k * pitch * 1.1 < rate / 2)
    voiced = np.sin(2 * np.pi * 1.5 * time) > -0.5
    return (0.1 * harmonics * voiced + 0.01 * rng.standard_normal(len(time))).astype(np.float32)
