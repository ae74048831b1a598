"""Takes voices apart and makes them again with WORLD (Morise et al., IEICE 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wavehax.errors import optional_module

_ALL_NOISE = 0.99  # share of noise from which D4C has found no voice


@dataclass(frozen=True)
class Voice:
    """What WORLD finds in a recording."""

    f0: np.ndarray  # [T] in Hz, 0 where unvoiced
    envelope: np.ndarray  # by CheapTrick, power [T, bins]
    noise: np.ndarray  # by D4C, share of noise in the amplitude [T, bins], from 0 to 1
    sample_rate: int
    hop_length: int

    def sound(self, contour: np.ndarray) -> np.ndarray:
        """The voice with another contour [T] in Hz, float64 [T * hop_length]."""
        pyworld = optional_module("pyworld", "WORLD", "wavehax[f0]")
        period = 1000 * self.hop_length / self.sample_rate  # ms
        args = self.envelope, self.noise, self.sample_rate, period
        wave = pyworld.synthesize(contour.astype(np.float64), *args)
        count = len(contour) * self.hop_length
        return np.pad(wave[:count], (0, max(0, count - len(wave))))


def analyse(
    audio: np.ndarray,
    f0: np.ndarray,
    sample_rate: int,
    hop_length: int,
    *,
    doubt: bool = False,
) -> Voice:
    """Find envelope and noise of a recording.

    Args:
        audio: [N].
        f0: [T] in Hz at sample t * hop_length, 0 where unvoiced; T * hop_length is about N.
        sample_rate: that of `audio`, Hz.
        hop_length: samples between frames of F0.
        doubt: whether frames are voiced only where D4C too finds a voice, by the share of the power
            below 4 kHz ("D4C Love Train", Morise 2016). Harvest goes on through fricatives.

    Raises:
        ModuleNotFoundError: pyworld is not installed (extra `f0`).
    """
    pyworld = optional_module("pyworld", "WORLD", "wavehax[f0]")
    samples, pitch = np.ascontiguousarray(audio, np.float64), np.ascontiguousarray(f0, np.float64)
    times = np.arange(len(pitch)) * hop_length / sample_rate
    noise = pyworld.d4c(samples, pitch, times, sample_rate)
    if doubt:
        pitch = np.where(noise[:, 0] < _ALL_NOISE, pitch, 0.0)
    envelope = pyworld.cheaptrick(samples, pitch, times, sample_rate)
    return Voice(pitch, envelope, noise, sample_rate, hop_length)


def resynthesise(
    audio: np.ndarray, f0: np.ndarray, f0_scale: float, sample_rate: int, hop_length: int
) -> np.ndarray:
    """The same voice with its F0 scaled and its envelope (CheapTrick) and noise (D4C) as they were.

    Args:
        audio, f0, sample_rate, hop_length: as in `analyse`.
        f0_scale: a factor of F0, more than 0.

    Returns:
        float32 [N], zeros after the last frame.

    Raises:
        ModuleNotFoundError: pyworld is not installed (extra `f0`).
    """
    voice = analyse(audio, f0, sample_rate, hop_length)
    wave = voice.sound(f0_scale * voice.f0)[: len(audio)]
    return np.pad(wave, (0, len(audio) - len(wave))).astype(np.float32)
