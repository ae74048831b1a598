"""Finds F0 that is in another unit, or some frames earlier or later than its mel.

Both show in a comparison with the F0 that a model predicts from the mel.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wavehax.errors import warn
from wavehax.mel.contour import f0_in_hz

FRAMES = 600
"""Frames of an utterance that are looked at: its first, 6 s at 24 kHz."""

_HIGHEST_LOG = 12.0  # no voice has so few Hz, and no logarithm of Hz, natural or binary, is as much
_HIGHEST_NOTE = 108.0  # MIDI note of C8
_SEMITONE = 1.5  # semitones within which two pitches are the same
_SHARE = 0.7  # of the frames that must be the same
_LEAST = 40  # frames voiced in both that an opinion needs
_STEEPEST = 1.0  # semitones a frame; steeper places are errors of one of the contours
# Frames from which a contour is called late or early, and the greatest standard error with which it
# is. Errors of the prediction flatten the line: a whole frame is found as 0.7.
_LATE, _CERTAIN = 0.5, 0.12
# Milliseconds and samples, in which a period may be given, and how near to these it must be: two
# tunes can move against each other like a pitch and its period in other units.
_UNITS_OF_A_SECOND = (1000, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_NEAR = 0.03
_FITS = 4  # of the line, each with less weight of what the last left far off


def refuse_other_unit(f0: np.ndarray, predicted: np.ndarray | None) -> None:
    """Raise ValueError for F0 that is in another unit by its values.

    Logarithms are below any pitch. The predicted pitch tells their base, and all other units. A
    base that it does not tell is taken for the natural one.

    Args:
        f0: [T], 0 where unvoiced.
        predicted: [T] in Hz, what the mel says; None where there is no predictor.
    """
    voiced = f0 > 0
    if not voiced.any():
        return
    found = None
    if predicted is not None:
        both = voiced & (predicted > 0)
        if both.sum() >= _LEAST:
            found = _unit_that_the_mel_shows(f0[both].astype(np.float64), predicted[both])
    if found is None and f0.max() < _HIGHEST_LOG:
        found = "the logarithm of Hz", _converted_by("log")
    if found is None:
        return
    frame = int(np.argmax(voiced))
    name, remedy = found
    raise ValueError(
        f"f0 is {f0[frame]:g} in frame {frame}, which looks like {name}: expected Hz; {remedy}"
    )


def _unit_that_the_mel_shows(f0: np.ndarray, predicted: np.ndarray) -> tuple[str, str] | None:
    """The unit in which `f0` is the predicted pitch, and what makes it Hz; None for Hz or none.

    Both are [n] and voiced.
    """
    if _same(f0, predicted):
        return None
    if f0.max() <= _HIGHEST_NOTE and _same(f0_in_hz(f0, "midi"), predicted):
        return "a MIDI note", _converted_by("midi")
    for name, formula, in_hz in _FORMULAS:
        with np.errstate(over="ignore"):
            hz = in_hz(f0)
        if np.isfinite(hz).all() and _same(hz, predicted):
            return name, f"give {formula} where it is not 0"
    # A period times the pitch is the same everywhere. That of two held notes is, too.
    found = float(np.median(f0 * predicted))
    if not _same(f0, np.median(f0)) and _same(found / f0, predicted):
        for units in _UNITS_OF_A_SECOND:
            if abs(found / units - 1) < _NEAR:
                return f"a period in units of 1/{units} s", f"give {units} / f0 where it is not 0"
    return None


_FORMULAS: tuple[tuple[str, str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("the logarithm of Hz to base 2", "2 ** f0", lambda f0: 2**f0),
    ("the logarithm of Hz to base 10", "10 ** f0", lambda f0: 10**f0),
    ("semitones above 1 Hz", "2 ** (f0 / 12)", lambda f0: 2 ** (f0 / 12)),
    ("cents above 1 Hz", "2 ** (f0 / 1200)", lambda f0: 2 ** (f0 / 1200)),
    ("cents above 10 Hz", "10 * 2 ** (f0 / 1200)", lambda f0: 10 * 2 ** (f0 / 1200)),
    (
        "cents of MIDI notes",
        "440 * 2 ** ((f0 - 6900) / 1200)",
        lambda f0: 440 * 2 ** ((f0 - 6900) / 1200),
    ),
)
"""Units that no flag takes: name, formula that makes them Hz, and the same as a function."""


def _converted_by(unit: str) -> str:
    return f"convert it with --f0-unit {unit}, or wavehax.features.f0_in_hz(f0, {unit!r})"


def _same(a: np.ndarray, b: np.ndarray | np.floating) -> bool:
    """Whether two pitches in Hz are the same in most frames."""
    return float(np.mean(np.abs(12 * np.log2(a / b)) < _SEMITONE)) > _SHARE


def warn_of_timing(f0: np.ndarray, predicted: np.ndarray) -> None:
    """Warn where the predicted pitch follows the given one a frame earlier or later.

    Args:
        f0: [T] in Hz, 0 where unvoiced.
        predicted: [T] in Hz, what the mel says.
    """
    late, error = frames_late(f0, predicted)
    if error < _CERTAIN and abs(late) > _LATE:
        warn(
            f"f0 seems to come a frame or so too {'late' if late > 0 else 'early'}: the mel shows"
            " the same contour there (docs/f0.md says where a frame lies)"
        )


def frames_late(f0: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Frames by which `f0` [T] lags behind `predicted` [T], and their standard error.

    Where the pitch rises or falls, the difference of the contours is their distance in time times
    the slope, and a line through these points has it as its slope. The error is `inf` where nothing
    can be said: less than 40 frames, or no slope at all.
    """
    pitch = np.full(len(f0), np.nan)
    pitch[f0 > 0] = 12 * np.log2(f0[f0 > 0])
    other = np.full(len(f0), np.nan)
    other[predicted > 0] = 12 * np.log2(predicted[predicted > 0])
    slope = np.full(len(f0), np.nan)
    slope[1:-1] = (pitch[2:] - pitch[:-2]) / 2
    difference = other - pitch
    # Comparisons with nan are false.
    use = (np.abs(slope) < _STEEPEST) & (np.abs(difference) < _SEMITONE)
    if use.sum() < _LEAST or np.ptp(slope[use]) == 0:
        return 0.0, float("inf")
    x, y = slope[use], difference[use]
    x, y = x - x.mean(), y - y.mean()
    weight = np.ones(len(x))
    for _ in range(_FITS):
        late = float((weight * x * y).sum() / (weight * x * x).sum())
        off = np.abs(y - late * x)
        # Huber's weights: what lies far off counts less (Huber 1964).
        weight = 1 / np.maximum(1, off / (2 * np.median(off) + 1e-9))
    error = float(np.sqrt(np.mean((y - late * x) ** 2) / (x * x).sum()))
    return late, error


def question(f0: np.ndarray, predict: Callable[[], np.ndarray] | None) -> None:
    """Refuse F0 of another unit, and warn of F0 at another time, where the mel tells.

    Args:
        f0: [T] in Hz as it was given, the first FRAMES of an utterance.
        predict: gives what the mel says, [T] in Hz; called where the contour could be judged by it.

    Raises:
        ValueError: as `refuse_other_unit`.
    """
    voiced = f0[f0 > 0]
    moves = len(voiced) >= _LEAST and np.ptp(voiced) > 0
    predicted = predict() if predict is not None and moves else None
    refuse_other_unit(f0, predicted)
    if predicted is not None:
        warn_of_timing(f0, predicted)
