"""Tells voiced, unvoiced and silent samples of a recording, and levels the power of a sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wavehax.errors import optional_module
from wavehax.evaluate.pitch import FRAMES

_SILENCE_DB = 40.0  # sound further below the loudest frame counts as silence
# The power of digital silence, so that it can divide. Full scale is 1; a step of 16 bits has 1e-9.
_LEAST_POWER = 1e-14


@dataclass(frozen=True)
class Voicing:
    """The samples [N] that are voiced, those that are unvoiced, and those that are silent.

    A frame on either side of each change of voicing is none of them.
    """

    voiced: np.ndarray  # bool [N]
    unvoiced: np.ndarray  # bool [N], not silent
    silent: np.ndarray  # bool [N], and not voiced


def voicing(recording: np.ndarray, rate: int, f0: np.ndarray) -> Voicing:
    """Tell the voiced samples of a recording from the unvoiced and the silent ones.

    Sound more than 40 dB below the loudest frame of the recording is silence.

    Args:
        recording: [N].
        rate: its sample rate, Hz.
        f0: [T] in Hz on `pitch.FRAMES`, 0 where unvoiced.
    """
    seconds = np.arange(len(recording)) / rate
    frame = np.rint(seconds * FRAMES.sample_rate / FRAMES.hop_length).astype(int)
    frame = np.minimum(frame, len(f0) - 1)
    power = local_power(recording, rate * FRAMES.hop_length / FRAMES.sample_rate)
    active = power > power.max() * 10 ** (-_SILENCE_DB / 10)
    voiced, unvoiced = (_inner(mask)[frame] for mask in (f0 > 0, f0 == 0))
    return Voicing(active & voiced, active & unvoiced, ~active & unvoiced)


def _inner(mask: np.ndarray) -> np.ndarray:
    """The frames [T] of a mask whose neighbours belong to it too."""
    padded = np.pad(mask, 1, mode="edge")
    return padded[:-2] & padded[1:-1] & padded[2:]


def local_power(wave: np.ndarray, span: float) -> np.ndarray:
    """Mean power [N] over `span` samples around each sample, never 0."""
    ndimage = optional_module("scipy.ndimage", "the texture of a sound", "wavehax[eval]")
    power = ndimage.uniform_filter1d(wave.astype(np.float64) ** 2, round(span))
    return np.maximum(power, _LEAST_POWER)


def band_pass(wave: np.ndarray, rate: int, low: float, high: float) -> np.ndarray:
    """The part of a waveform [N] between two frequencies in Hz, without delay: float64 [N]."""
    signal = optional_module("scipy.signal", "the texture of a sound", "wavehax[eval]")
    sections = signal.butter(4, (low, high), "bandpass", fs=rate, output="sos")
    return signal.sosfiltfilt(sections, wave.astype(np.float64), padlen=min(len(wave) - 1, 1024))
