"""Scales the F0 of a recording with WORLD (Morise et al., IEICE 2016)."""

from __future__ import annotations

import numpy as np

from wavehax.errors import optional_module


def resynthesise(
    audio: np.ndarray, f0: np.ndarray, f0_scale: float, sample_rate: int, hop_length: int
) -> np.ndarray:
    """The same voice with its F0 scaled and its envelope (CheapTrick) and noise (D4C) as they were.

    Args:
        audio: [N].
        f0: [T] in Hz at sample t * hop_length, 0 where unvoiced; T * hop_length is about N.
        f0_scale: a factor of F0, more than 0.
        sample_rate: that of `audio`, Hz.
        hop_length: samples between frames of F0.

    Returns:
        float32 [N], zeros after the last frame.

    Raises:
        ModuleNotFoundError: pyworld is not installed (extra `f0`).
    """
    pyworld = optional_module("pyworld", "WORLD", "wavehax[f0]")
    samples, pitch = np.ascontiguousarray(audio, np.float64), np.ascontiguousarray(f0, np.float64)
    times = np.arange(len(pitch)) * hop_length / sample_rate
    envelope = pyworld.cheaptrick(samples, pitch, times, sample_rate)
    noise = pyworld.d4c(samples, pitch, times, sample_rate)
    period = 1000 * hop_length / sample_rate  # ms
    wave = pyworld.synthesize(f0_scale * pitch, envelope, noise, sample_rate, period)[
        : len(samples)
    ]
    return np.pad(wave, (0, len(samples) - len(wave))).astype(np.float32)
