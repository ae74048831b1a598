"""Random contours of F0 like those of speech and song, to train a predictor of F0 with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

LOWEST, HIGHEST = 40.0, 1400.0  # Hz
_MEDIAN = (55.0, 1200.0)  # Hz, range of the pitch around which a contour moves
_WHISPERED = 0.06  # share of contours without any voice
_VIBRATO_SHARE = 0.4
_VIBRATO_HZ, _VIBRATO_CENTS = (4.0, 8.0), (10.0, 120.0)  # rate, and depth to either side
_JITTER_SHARE, _JITTER = 0.3, (0.002, 0.02)  # standard deviation relative to F0, frame by frame
_CREAKY_SHARE, _CREAK_SECONDS = 0.15, (0.06, 0.25)  # voiced runs that end an octave lower
_NOTE_SECONDS, _PORTAMENTO_SECONDS = (0.15, 0.9), (0.03, 0.15)
_NOTE_STEP = 3.5  # semitones, standard deviation of the step from one note to the next
_GLIDE_SECONDS = (0.2, 1.0)


def random_contour(f0: np.ndarray, frame_rate: float, rng: np.random.Generator) -> np.ndarray:
    """Draw a contour that is voiced where `f0` is.

    Half of the contours are that of the recording around another pitch, wider or narrower. Others
    are notes with portamento, or glides. Vibrato, jitter and creak come on top. Some are whispered,
    which is unvoiced throughout.

    Args:
        f0: [T] in Hz, that of the recording, 0 where unvoiced.
        frame_rate: frames a second.
        rng: draws it.

    Returns:
        float64 [T] in Hz from 40 to 1,400, 0 where unvoiced.
    """
    voiced = f0 > 0
    if not voiced.any() or rng.random() < _WHISPERED:
        return np.zeros(len(f0))
    octaves = rng.uniform(*np.log2(_MEDIAN)) + _movement(f0, voiced, frame_rate, rng)
    if rng.random() < _VIBRATO_SHARE:
        octaves += _vibrato(len(f0), frame_rate, rng)
    contour = 2.0**octaves
    if rng.random() < _JITTER_SHARE:
        contour *= 1 + rng.uniform(*_JITTER) * rng.standard_normal(len(f0))
    contour *= _creak(voiced, frame_rate, rng)
    return np.where(voiced, np.clip(contour, LOWEST, HIGHEST), 0.0)


def _movement(
    f0: np.ndarray, voiced: np.ndarray, frame_rate: float, rng: np.random.Generator
) -> np.ndarray:
    """Octaves above or below the pitch of a contour, [T]."""
    kind = rng.choice(3, p=(0.5, 0.3, 0.2))
    if kind == 0:
        frames = np.flatnonzero(voiced)
        spoken = np.interp(np.arange(len(f0)), frames, np.log2(f0[frames]))
        return rng.uniform(0.2, 1.8) * (spoken - np.median(spoken[voiced]))
    if kind == 1:
        notes = np.repeat(*_pieces(len(f0), _NOTE_SECONDS, frame_rate, rng, _walk))
        width = max(1, round(rng.uniform(*_PORTAMENTO_SECONDS) * frame_rate))
        padded = np.pad(notes[: len(f0)], width, mode="edge")
        return np.convolve(padded, np.ones(width) / width, "same")[width : width + len(f0)]
    targets, lengths = _pieces(len(f0), _GLIDE_SECONDS, frame_rate, rng, _anywhere)
    return np.interp(np.arange(len(f0)), np.cumsum(lengths) - lengths, targets)


def _pieces(
    frames: int,
    seconds: tuple[float, float],
    frame_rate: float,
    rng: np.random.Generator,
    draw: Callable[[int, np.random.Generator], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Values drawn for pieces that fill `frames`, and the frames of each piece."""
    count = int(frames / (seconds[0] * frame_rate)) + 1
    lengths = np.maximum(1, rng.uniform(*seconds, count) * frame_rate).astype(int)
    return draw(count, rng), lengths


def _walk(count: int, rng: np.random.Generator) -> np.ndarray:
    steps = np.rint(_NOTE_STEP * rng.standard_normal(count))
    return np.clip(np.cumsum(steps) - steps[0], -12, 12) / 12


def _anywhere(count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-0.7, 0.7, count)


def _vibrato(frames: int, frame_rate: float, rng: np.random.Generator) -> np.ndarray:
    cycles = rng.uniform(*_VIBRATO_HZ) * np.arange(frames) / frame_rate + rng.random()
    return rng.uniform(*_VIBRATO_CENTS) / 1200 * np.sin(2 * np.pi * cycles)


def _creak(voiced: np.ndarray, frame_rate: float, rng: np.random.Generator) -> np.ndarray:
    """Factors [T], which are a half at the end of some voiced runs."""
    factors = np.ones(len(voiced))
    for end in np.flatnonzero(voiced[:-1] & ~voiced[1:]) + 1:
        if rng.random() < _CREAKY_SHARE:
            factors[max(0, end - round(rng.uniform(*_CREAK_SECONDS) * frame_rate)) : end] = 0.5
    return factors
