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
_SMOOTHED = 11  # frames that a contour is averaged over

Finder = Callable[[np.ndarray], np.ndarray]
"""Finds F0 [T] in Hz in a voice [N] at the rate of the features."""


def known_voices(
    items: Sequence[Item], features: FeatureConfig, median: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Make each recording again with WORLD, its contour made smooth and moved to another pitch.

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
        measured = f0_in_range(audio, features, item.f0_range, item.f0_method)[:frames]
        voice = voice_of(audio, measured, features)
        if not voice.f0.any():
            continue
        smooth = smooth_contour(voice.f0)
        moved = smooth * (median / np.median(smooth[smooth > 0]))
        contour = np.where(smooth > 0, np.clip(moved, _LOWEST, _HIGHEST), 0.0)
        yield below_full_scale(voice.sound(contour)), contour


def smooth_contour(f0: np.ndarray) -> np.ndarray:
    """A contour that moves as voices do, without the jumps of the method that found it.

    No frame of a mel shows a pitch that jumps inside its window, so that beside a jump any answer
    is wrong. In each voiced run jumps of more than half an octave are taken for errors of an
    octave, and undone. Then the logarithm is averaged over 11 frames, about 0.12 s, by a Hann
    window, in which a jump that is left becomes a glide of a semitone a frame or less.

    Args:
        f0: [T] in Hz, 0 where unvoiced.

    Returns:
        float64 [T] in Hz, voiced where `f0` is.
    """
    smooth = np.zeros(len(f0))
    window = np.hanning(_SMOOTHED + 2)[1:-1]
    edges = np.flatnonzero(np.diff(f0 > 0, prepend=False, append=False))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        octaves = np.unwrap(np.log2(f0[begin:end].astype(np.float64)), period=1.0)
        padded = np.pad(octaves, _SMOOTHED // 2, mode="edge")
        smooth[begin:end] = 2 ** np.convolve(padded, window / window.sum(), "valid")
    return smooth


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
