"""F0 that a model predicts from the mel against what Harvest finds in the recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavehax.evaluate.items import Item
from wavehax.evaluate.pitch import F0Scores, f0_in_range, f0_scores
from wavehax.files.sound import read_audio
from wavehax.mel.features import log_mel
from wavehax.vocoder import Vocoder

KINDS = ("recorded", "smoothed", "harvest")
_LATER_SECONDS = 1 / 3000  # an eighth of the shortest period that is searched for


def f0_agreement(voc: Vocoder, items: Sequence[Item]) -> list[F0Scores]:
    """Scores against Harvest, over all frames together, of each of KINDS.

    That is of predictions from the mels of recordings, of those from smoothed mels, and of what
    Harvest finds in the recordings _LATER_SECONDS later: how far it agrees with itself.

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
        measured = [f0_in_range(sound, voc.features, item.f0_range) for sound in (audio, later)]
        contours.append((measured[0], voc.f0(mel), voc.f0(smoothed(mel)), measured[1]))
    reference, *others = (np.concatenate(parts) for parts in zip(*contours, strict=True))
    return [f0_scores(reference, other) for other in others]


def smoothed(mel: np.ndarray) -> np.ndarray:
    """A log-mel [n_mels, T] under the taps 1/4, 1/2, 1/4 over bands and over frames, its edges
    repeated."""
    for axis in (0, 1):
        mel = np.moveaxis(mel, axis, 0)
        padded = np.concatenate([mel[:1], mel, mel[-1:]])
        mel = np.moveaxis(padded[:-2] / 4 + padded[1:-1] / 2 + padded[2:] / 4, 0, axis)
    return np.ascontiguousarray(mel)
