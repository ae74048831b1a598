"""Finds the F0 of a recording, by one of several methods.

- `harvest` is WORLD Harvest (Morise, Interspeech 2017) in the range asked for. A range that is much
  wider than the voice costs octave errors.
- `two-pass` is Harvest twice: once in the whole range, and once within an octave and a half of the
  median of what was found.
- `refined` takes a contour predicted from the mel, and moves each value to where the recording has
  its harmonics. It needs no pyworld.
"""

from __future__ import annotations

import numpy as np

from wavehax.errors import optional_module

METHODS = ("two-pass", "harvest", "refined")
"""Names of the methods, the default first."""
RECORDING_METHODS = METHODS[:2]
"""Those that need the recording alone, and no model."""

_CHUNK_SECONDS = 30.0  # Harvest needs about 1 MB of working memory for a second of audio
_CONTEXT_SECONDS = 1.0  # well above how far Harvest smooths and extends a contour
_HALF_RANGE = 2**1.5  # of the second pass: the median divided and multiplied by this
_FEWEST = 5  # voiced frames that a median needs

_PERIODS = 4  # that the window of the refinement is long: a Hann window then parts two harmonics
_HARMONICS = 6  # the most that tell of a pitch
_FURTHEST = 0.12  # relative change beyond which a refined value is a mistake: two semitones
_STEPS = 2  # of the refinement


def harvest(
    audio: np.ndarray, rate: int, hop: int, frames: int, f0_min: float, f0_max: float
) -> np.ndarray:
    """F0 by Harvest in one range.

    Recordings longer than 30 s are analysed in pieces with a second of context, which bounds the
    memory.

    Args:
        audio: [N], finite.
        rate: samples a second.
        hop: samples from one frame to the next.
        frames: T.
        f0_min: lowest F0 searched for, Hz.
        f0_max: highest F0 searched for, Hz.

    Returns:
        float32 [T] in Hz at sample t * hop, 0 where unvoiced.

    Raises:
        ModuleNotFoundError: pyworld is not installed (extra `f0`).
    """
    chunk = max(1, round(_CHUNK_SECONDS * rate / hop))
    context = round(_CONTEXT_SECONDS * rate / hop)
    f0 = np.zeros(frames, np.float32)
    for start in range(0, frames, chunk):
        stop = min(start + chunk, frames)
        first = max(0, start - context)
        piece = audio[first * hop : (stop + context) * hop]
        found = _world_harvest(piece, rate, hop, f0_min, f0_max)[start - first : stop - first]
        f0[start : start + len(found)] = found
    return f0


def two_pass(
    audio: np.ndarray, rate: int, hop: int, frames: int, f0_min: float, f0_max: float
) -> np.ndarray:
    """F0 by Harvest in the whole range, and again around the median of what was found.

    Arguments, result and errors are those of `harvest`.
    """
    f0 = harvest(audio, rate, hop, frames, f0_min, f0_max)
    voiced = f0[f0 > 0]
    if len(voiced) < _FEWEST:
        return f0
    median = float(np.median(voiced))
    low, high = max(f0_min, median / _HALF_RANGE), min(f0_max, median * _HALF_RANGE)
    return harvest(audio, rate, hop, frames, low, high)


def refined(audio: np.ndarray, rate: int, hop: int, f0: np.ndarray) -> np.ndarray:
    """A contour with each value moved to where the recording has its harmonics.

    The instantaneous frequencies of the first harmonics are averaged, weighted by their
    magnitudes (as in StoneMask of WORLD; Flanagan & Golden, 1966).

    Args:
        audio: [N], finite.
        rate: samples a second.
        hop: samples from one frame to the next.
        f0: [T] in Hz at sample t * hop, 0 where unvoiced; right to about a semitone.

    Returns:
        float32 [T] in Hz, 0 where `f0` is; a value that would move by two semitones stays.
    """
    lowest = (1 - _FURTHEST) * float(f0[f0 > 0].min(initial=rate))
    longest = int(np.ceil(_PERIODS / 2 * rate / lowest)) + 1
    last = (len(f0) - 1) * hop
    padded = np.pad(
        np.asarray(audio, np.float64), (longest, longest + max(0, last + 1 - len(audio)))
    )
    result = np.array(f0, np.float32)
    for t in np.flatnonzero(f0 > 0):
        pitch = float(f0[t])
        for _ in range(_STEPS):
            pitch = _refined_once(padded, longest + int(t) * hop, rate, pitch)
            if abs(pitch / f0[t] - 1) > _FURTHEST:
                break
        else:
            result[t] = pitch
    return result


def _refined_once(audio: np.ndarray, centre: int, rate: int, pitch: float) -> float:
    """The mean of the instantaneous frequencies of harmonics, each divided by its number.

    `inf` where the samples around `centre` are zeros, or the mean is no frequency.
    """
    half = int(_PERIODS / 2 * rate / pitch)
    n = np.arange(-half, half + 1)
    angle = np.pi * n / (half + 1)
    samples = audio[centre - half : centre + half + 1]
    k = np.arange(1, max(1, min(_HARMONICS, int(0.45 * rate / pitch))) + 1)
    omega = 2 * np.pi * pitch / rate * k
    waves = np.exp(-1j * np.outer(omega, n))
    spectrum = waves @ ((0.5 + 0.5 * np.cos(angle)) * samples)
    slope = waves @ (-0.5 * np.pi / (half + 1) * np.sin(angle) * samples)
    magnitude = np.abs(spectrum)
    if not magnitude.sum() > 0:
        return float("inf")
    found = omega - np.imag(slope / np.where(magnitude > 0, spectrum, 1))
    mean = (magnitude * found).sum() / (magnitude * k).sum() * rate / (2 * np.pi)
    return float(mean) if mean > 0 else float("inf")


def _world_harvest(
    audio: np.ndarray, rate: int, hop: int, f0_min: float, f0_max: float
) -> np.ndarray:
    pyworld = optional_module("pyworld", "F0 from audio", "wavehax[f0]")
    samples = np.ascontiguousarray(audio, np.float64)
    return pyworld.harvest(
        samples, rate, f0_floor=f0_min, f0_ceil=f0_max, frame_period=1000 * hop / rate
    )[0]
