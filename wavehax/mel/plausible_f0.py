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
_FITS = 4  # of the line, each with less weight of what the last left far off


def refuse_other_unit(f0: np.ndarray, predicted: np.ndarray | None) -> None:
    """Raise ValueError for F0 that is MIDI notes or logarithms by its values.

    Logarithms are below any pitch. Their base, and notes beside a low voice, are told by the
    predicted pitch. A base that it does not tell is taken for the natural one.

    Args:
        f0: [T], 0 where unvoiced.
        predicted: [T] in Hz, what the mel says; None where there is no predictor.
    """
    voiced = f0 > 0
    if not voiced.any():
        return
    frame, highest = int(np.argmax(voiced)), f0.max()
    looks = f"f0 is {f0[frame]:g} in frame {frame}, which looks like"
    both = np.zeros(len(f0), bool) if predicted is None else voiced & (predicted > 0)

    def is_predicted(hz: np.ndarray) -> bool:
        return (
            predicted is not None and both.sum() >= _LEAST and _same(hz, predicted[both]) > _SHARE
        )

    if highest < _HIGHEST_LOG:
        for base in (2, 10):
            if is_predicted(base ** f0[both].astype(np.float64)):
                raise ValueError(
                    f"{looks} the logarithm of Hz to base {base}: expected Hz; give {base} ** f0"
                    " where it is not 0"
                )
        name, unit = "the logarithm of Hz", "log"
    elif highest <= _HIGHEST_NOTE and is_predicted(f0_in_hz(f0[both], "midi")):
        name, unit = "a MIDI note", "midi"
    else:
        return
    raise ValueError(
        f"{looks} {name}: expected Hz; convert it with --f0-unit {unit}, or"
        f" wavehax.features.f0_in_hz(f0, {unit!r})"
    )


def _same(a: np.ndarray, b: np.ndarray) -> float:
    """Share of frames in which two pitches in Hz are the same."""
    return float(np.mean(np.abs(12 * np.log2(a / b)) < _SEMITONE))


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
