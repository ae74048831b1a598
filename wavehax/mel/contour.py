"""Reads contours of F0 as other tools write them: units, gaps and frame rates other than ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wavehax.checks import as_array
from wavehax.config import FeatureConfig

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

UNITS = ("hz", "midi", "log")
"""Units of F0: Hz, MIDI notes (69 is 440 Hz), and the natural logarithm of Hz. In all of them 0 is
unvoiced."""
UNVOICED = ("zero", "any")
"""What stands for unvoiced: 0 alone, or also NaN and every negative number."""

_MIDI_A4, _HZ_A4 = 69.0, 440.0
_SEMITONES = 12.0
_HIGHEST_HZ = 20_000.0  # that is heard


def f0_in_hz(f0: ArrayLike, unit: str = "hz", unvoiced: str = "zero", first: int = 0) -> np.ndarray:
    """Convert F0 to Hz.

    Args:
        f0: numbers of any shape, 0 where unvoiced; also a PyTorch tensor, on any device.
        unit: one of UNITS.
        unvoiced: one of UNVOICED.
        first: number of the first frame, from which messages count.

    Returns:
        Hz in the same shape, 0 where unvoiced; `f0` itself where nothing is to be done.

    Raises:
        ValueError: `unit` or `unvoiced` is unknown, or `f0` does not hold numbers. In a unit other
            than Hz, it has a number that stands for more than 20,000 Hz or, with `unvoiced="zero"`,
            NaN or a negative number. In Hz these are left for `Vocoder` to refuse.
    """
    for name, value, known in (("unit", unit, UNITS), ("unvoiced", unvoiced, UNVOICED)):
        if value not in known:
            raise ValueError(f"{name}={value!r}: expected one of {', '.join(known)}")
    given = as_array(f0)
    if given.dtype.kind not in "fiu":
        raise ValueError(f"f0 is of type {given.dtype}: expected numbers")
    values = given if unvoiced == "zero" else np.where(given > 0, given, 0)
    if unit == "hz":
        return values
    bad = ~(values >= 0)
    if bad.any():
        frame = int(np.argmax(bad))
        raise ValueError(
            f"f0 is {values.flat[frame]} in frame {first + frame}: expected numbers above 0, or 0"
            " where unvoiced; unvoiced='any' (--f0-unvoiced any) takes it as unvoiced"
        )
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused below
        hz = (
            _HZ_A4 * 2 ** ((values - _MIDI_A4) / _SEMITONES)
            if unit == "midi"
            else np.exp(values.astype(np.float64))
        )
    beyond = hz > _HIGHEST_HZ
    if beyond.any():
        frame = int(np.argmax(beyond))
        raise ValueError(
            f"f0 is {values.flat[frame]} in frame {first + frame}, which as {unit} is"
            f" {hz.flat[frame]:.3g} Hz: expected at most {_HIGHEST_HZ:g} Hz; if it is Hz,"
            f" leave out --f0-unit {unit} (unit={unit!r})"
        )
    return np.where(values > 0, hz, 0)


def f0_of_frames(
    f0: ArrayLike,
    frames: int,
    features: FeatureConfig,
    unit: str = "hz",
    unvoiced: str = "zero",
    hop: float | None = None,
) -> np.ndarray:
    """F0 in Hz of the frames of a mel, however a tool writes it.

    Args:
        f0: a contour, or one number for all frames.
        frames: frames of the mel, T.
        features: the definition of the mel.
        unit: as in `f0_in_hz`.
        unvoiced: as in `f0_in_hz`.
        hop: seconds from one value of a contour to the next; None for those of the mel.

    Returns:
        [T] in Hz, 0 where unvoiced; without `hop` a contour keeps its number of frames.

    Raises:
        ValueError: as `f0_in_hz` and `f0_at_hop`.
    """
    hz = f0_in_hz(f0, unit, unvoiced)
    if hz.ndim == 0:
        return np.full(frames, hz)
    if hop is None:
        return hz
    return f0_at_hop(hz, hop, features.hop_length / features.sample_rate, frames)


def f0_at_hop(f0: ArrayLike, hop: float, frame: float, frames: int) -> np.ndarray:
    """A contour at another frame rate.

    Between two voiced values it is interpolated, linearly over the logarithm. Between a voiced and
    an unvoiced one it is the nearer of them: nothing is interpolated across unvoiced frames.

    Args:
        f0: [M] in Hz, value i at i * `hop` seconds, 0 where unvoiced; also a PyTorch tensor.
        hop: seconds from one value to the next.
        frame: seconds from one frame of the mel to the next.
        frames: frames of the mel, T.

    Returns:
        float64 [T] in Hz at t * `frame` seconds.

    Raises:
        ValueError: `f0` is not [M] or does not hold numbers, it is shorter or longer than the mel
            by more than a frame of each, or `hop` or `frame` is not more than 0.
    """
    f0 = as_array(f0)
    for name, seconds in (("hop", hop), ("frame", frame)):
        if not 0 < seconds < np.inf:
            raise ValueError(f"{name}={seconds}: expected seconds, more than 0")
    if f0.ndim != 1 or not f0.size or f0.dtype.kind not in "fiu":
        raise ValueError(
            f"f0 is {f0.dtype} of shape {list(f0.shape)}: expected numbers [M], M >= 1"
        )
    if abs(len(f0) * hop - frames * frame) > (hop + frame) * (1 + 1e-6):
        raise ValueError(
            f"f0 has {len(f0)} frames of {hop:g} s, {len(f0) * hop:.3f} s, and mel has"
            f" {frames * frame:.3f} s: expected the same"
        )
    place = np.minimum(np.arange(frames) * frame / hop, len(f0) - 1)
    left = np.minimum(place.astype(int), max(0, len(f0) - 2))
    right = np.minimum(left + 1, len(f0) - 1)
    share = place - left
    low, high = f0[left].astype(np.float64), f0[right].astype(np.float64)
    nearest = np.where(share < 0.5, low, high)
    both = (low > 0) & (high > 0)
    with np.errstate(invalid="ignore"):  # values that are no F0 are kept, and refused as F0
        between = np.exp(
            (1 - share) * np.log(np.where(both, low, 1)) + share * np.log(np.where(both, high, 1))
        )
    return np.where(both, between, nearest)
