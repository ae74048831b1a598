"""Scores contours of F0 on voices whose F0 is known, since they are synthesised with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from wavehax.config import FeatureConfig
from wavehax.data.known_f0 import below_full_scale, voice_of
from wavehax.evaluate.items import Item
from wavehax.evaluate.pitch import F0Scores, f0_in_range, f0_scores
from wavehax.files.sound import read_audio

MEDIANS = (60.0, 110.0, 200.0, 360.0, 660.0, 1000.0)
"""Hz; a recording is synthesised around each of them."""
_LOWEST, _HIGHEST = 45.0, 1200.0  # Hz; contours are cut there

Finder = Callable[[np.ndarray], np.ndarray]
"""Finds F0 [T] in Hz in a voice [N] at the rate of the features."""


def known_voices(
    items: Sequence[Item], features: FeatureConfig, median: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Make each recording again with WORLD, its contour moved to another pitch.

    Whispers, which have no contour, are left out.

    Args:
        items: the recordings.
        features: the definition of frames.
        median: Hz, of the new contours.

    Yields:
        audio float32 [T * hop_length] and F0 [T] in Hz from 45 to 1,200, 0 where unvoiced.

    Raises:
        OSError, ValueError: a recording cannot be read.
        ModuleNotFoundError: pyworld is not installed (extra `f0`).
    """
    for item in items:
        audio, _ = read_audio(item.natural, features.sample_rate)
        frames = len(audio) // features.hop_length
        audio = audio[: frames * features.hop_length]
        measured = f0_in_range(audio, features, item.f0_range)[:frames]
        voice = voice_of(audio, measured, features)
        if not voice.f0.any():
            continue
        moved = voice.f0 * (median / np.median(voice.f0[voice.f0 > 0]))
        contour = np.where(voice.f0 > 0, np.clip(moved, _LOWEST, _HIGHEST), 0.0)
        yield below_full_scale(voice.sound(contour)), contour


def known_scores(
    finders: Sequence[Finder], items: Sequence[Item], features: FeatureConfig, median: float
) -> list[F0Scores]:
    """The scores of each of `finders` over all frames of the voices around `median` together.

    Arguments and errors are those of `known_voices`.
    """
    contours: list[tuple[np.ndarray, ...]] = []
    for wave, known in known_voices(items, features, median):
        found = [find(wave)[: len(known)] for find in finders]
        contours.append((known, *found))
    reference, *others = (np.concatenate(parts) for parts in zip(*contours, strict=True))
    return [f0_scores(reference, other) for other in others]
