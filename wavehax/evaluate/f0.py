"""Compares F0 that a model predicts from the mel with that which Harvest finds in the recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavehax.evaluate.items import Item
from wavehax.evaluate.pitch import F0Scores, f0_in_range, f0_scores
from wavehax.files.sound import read_audio
from wavehax.mel.features import log_mel
from wavehax.vocoder import Vocoder

KINDS = ("recorded", "smoothed", "harvest")
"""The contours that `f0_agreement` scores."""

# Seconds of silence put before a recording, with which Harvest is tried again: a sixth of a period
# of 500 Hz, the highest F0 that it searches for by default.
_LATER_SECONDS = 1 / 3000


def f0_agreement(voc: Vocoder, items: Sequence[Item]) -> list[F0Scores]:
    """Scores against Harvest over all frames together, one for each of KINDS.

    The first is that of predictions from the mels of recordings, the second of those from smoothed
    mels. The third says how far Harvest agrees with itself: it is that of the contour that Harvest
    finds when the recording begins a third of a millisecond later.

    Args:
        voc: a model that predicts F0.
        items: the recordings.

    Raises:
        OSError, ValueError: a recording cannot be read, or the model predicts no F0.
    """
    contours: list[tuple[np.ndarray, ...]] = []
    for item in items:
        audio, rate = read_audio(item.natural, voc.sample_rate)
        mel = log_mel(audio, voc.features)
        later = np.concatenate([np.zeros(round(_LATER_SECONDS * rate), np.float32), audio])[
            : len(audio)
        ]
        measured = [
            f0_in_range(sound, voc.features, item.f0_range, item.f0_method)
            for sound in (audio, later)
        ]
        contours.append((measured[0], voc.f0(mel), voc.f0(smoothed(mel)), measured[1]))
    reference, *others = (np.concatenate(parts) for parts in zip(*contours, strict=True))
    return [f0_scores(reference, other) for other in others]


def smoothed(mel: np.ndarray) -> np.ndarray:
    """Smooth a log-mel [n_mels, T] over bands and frames, by the taps 1/4, 1/2, 1/4.

    Its edges are repeated.
    """
    for axis in (0, 1):
        mel = np.moveaxis(mel, axis, 0)
        padded = np.concatenate([mel[:1], mel, mel[-1:]])
        mel = np.moveaxis(padded[:-2] / 4 + padded[1:-1] / 2 + padded[2:] / 4, 0, axis)
    return np.ascontiguousarray(mel)
