"""Which samples of a recording are voiced, which are unvoiced, and how the power of a sound is
levelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wavehax.errors import optional_module
from wavehax.evaluate.pitch import FRAMES

_SILENCE_DB = 40.0  # what lies further below the loudest frame counts as silence
# full scale is 1: below the last of 16 bits, so that digital silence divides by something
_LEAST_POWER = 1e-14


@dataclass(frozen=True)
class Voicing:
    """Samples [N] that are voiced, and those that are unvoiced; neither: silence, and a frame
    around each change."""

    voiced: np.ndarray  # bool [N]
    unvoiced: np.ndarray  # bool [N]


def voicing(recording: np.ndarray, rate: int, f0: np.ndarray) -> Voicing:
    """Classes of the samples of a recording [N] at `rate` Hz, of whose F0 [T] in Hz on
    `pitch.FRAMES` 0 is unvoiced.

    Silence is what lies more than 40 dB below the loudest frame of the recording.
    """
    seconds = np.arange(len(recording)) / rate
    frame = np.rint(seconds * FRAMES.sample_rate / FRAMES.hop_length).astype(int)
    frame = np.minimum(frame, len(f0) - 1)
    power = local_power(recording, rate * FRAMES.hop_length / FRAMES.sample_rate)
    active = power > power.max() * 10 ** (-_SILENCE_DB / 10)
    return Voicing(*(active & _inner(mask)[frame] for mask in (f0 > 0, f0 == 0)))


def _inner(mask: np.ndarray) -> np.ndarray:
    """Those frames [T] whose neighbours belong to the mask too."""
    padded = np.pad(mask, 1, mode="edge")
    return padded[:-2] & padded[1:-1] & padded[2:]


def local_power(wave: np.ndarray, span: float) -> np.ndarray:
    """Mean power [N] over the `span` samples around every sample, never 0."""
    ndimage = optional_module("scipy.ndimage", "the texture of a sound", "wavehax[eval]")
    power = ndimage.uniform_filter1d(wave.astype(np.float64) ** 2, round(span))
    return np.maximum(power, _LEAST_POWER)


def band_pass(wave: np.ndarray, rate: int, low: float, high: float) -> np.ndarray:
    """The part of a waveform [N] between two frequencies in Hz, without delay: float64 [N]."""
    signal = optional_module("scipy.signal", "the texture of a sound", "wavehax[eval]")
    sections = signal.butter(4, (low, high), "bandpass", fs=rate, output="sos")
    return signal.sosfiltfilt(sections, wave.astype(np.float64), padlen=min(len(wave) - 1, 1024))
