"""Tells which preset a mel is of, where it is not of the one named.

Two things tell presets apart, whatever the level of a recording:

- The *jaggedness*: third differences over bands of the mean mel. Neighbouring bands take in
  different numbers of bins, in a pattern that every mel of a definition shows and no other.
- The *profile*: the mean of louder frames over bands, less what speech has. It goes with the sum of
  each band's filter.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from wavehax.config import FEATURES, FeatureConfig
from wavehax.mel.features import mel_filterbank, natural_mel
from wavehax.mel.spectrum import bands_of, spectrum_of

# Evidence for another preset: 0 for a mel of the model's own, 1 for one of the other. In speech the
# jaggedness was at most 0.54 in the model's own mel, and at least 0.41 in another (0.71 in that of
# BigVGAN). The profile was at most 0.81, and at least 0.12. Together they count 2 to 1.
_JAGGED, _PROFILE, _TOGETHER = (0.6, 1.5), 0.2, 0.65
_ALIKE = 0.4  # cosine between the jaggedness and the pattern; below it most of it is something else
_LEAST_PATTERN = 0.2  # nepers, rms; definitions whose patterns are nearer are not told apart


def other_preset(levels: np.ndarray, features: FeatureConfig, mean: np.ndarray) -> str | None:
    """Return the preset that a mel clearly is of, or None where it may be of its definition.

    Args:
        levels: natural mel [n_mels, T], without frames of silence.
        features: the definition that the mel should be of.
        mean: [n_mels], that of the natural mel of speech by this definition.
    """
    rivals = _rivals(features, mean.tobytes())
    if not rivals:
        return None
    jagged = _third(levels.mean(axis=1)) - _third(_noise(features))
    best, preset = 0.0, None
    for rival in rivals:
        first = jagged @ rival.pattern / rival.square
        if not _JAGGED[0] < first < _JAGGED[1]:
            continue
        if first * math.sqrt(rival.square) < _ALIKE * np.linalg.norm(jagged):
            continue
        second = (louder(levels).mean(axis=1) - mean) @ rival.profile
        evidence = (2 * min(first, 1.0) + second) / 3
        if second > _PROFILE and evidence > max(_TOGETHER, best):
            best, preset = evidence, rival.name
    return preset


@dataclasses.dataclass(frozen=True)
class _Rival:
    """Another preset, and what a mel shows that is of it."""

    name: str
    pattern: np.ndarray  # [n_mels - 3], its jaggedness less that of the definition
    square: float  # of the pattern with itself
    # [n_mels]; its product with a mel's profile is 0 for the definition and 1 for this preset
    profile: np.ndarray


@functools.lru_cache(maxsize=16)
def _rivals(features: FeatureConfig, mean: bytes) -> list[_Rival]:
    """The presets that a mel could be of, and which can be told from the definition."""
    rivals: list[_Rival] = []
    if not mel_filterbank(features).any(axis=1).all():
        return rivals  # a band between two bins is empty, and no spectrum can be estimated
    for other in FEATURES.values():
        if other.n_mels != features.n_mels or not other.plain or other.same_bands(features):
            continue
        pattern = _third(_noise(other)) - _third(_noise(features))
        if np.sqrt(np.mean(pattern**2)) < _LEAST_PATTERN:
            continue
        expected = expected_mean(features, other, np.frombuffer(mean)) - np.frombuffer(mean)
        weights = _weights(len(expected)) @ expected
        profile = weights / (expected @ weights)
        rivals.append(_Rival(other.name, pattern, float(pattern @ pattern), profile))
    return rivals


def louder(levels: np.ndarray) -> np.ndarray:
    """The louder half of the frames."""
    loudness = levels.mean(axis=0)
    return levels[:, loudness >= np.median(loudness)]


def _third(values: np.ndarray) -> np.ndarray:
    return np.diff(values, 3)


@functools.lru_cache(maxsize=16)
def _noise(features: FeatureConfig) -> np.ndarray:
    """The mean natural mel of white noise, [n_mels]: the pattern of the definition."""
    plain = dataclasses.replace(features, peak=0.0)
    noise = 0.1 * np.random.default_rng(0).standard_normal(300 * features.hop_length)
    return natural_mel(noise, plain).mean(axis=1, dtype=np.float64)


def expected_mean(features: FeatureConfig, other: FeatureConfig, mean: np.ndarray) -> np.ndarray:
    """The mean of speech by the definition `other`, [n_mels], estimated from that by `features`."""
    return bands_of(spectrum_of(mean[:, None], features), features, other)[:, 0]


def _weights(bands: int) -> np.ndarray:
    """The inverse covariance of the profiles of speakers, [bands, bands].

    A model of it: any level, tilts and formants (neighbours alike), and harmonics, which single
    low bands show.
    """
    index = np.arange(bands)
    smooth = 1.44 * np.exp(-np.abs(index[:, None] - index) / 30)
    single = 0.16 * np.exp(-index / 20) + 0.0025
    return np.linalg.inv(smooth + np.diag(single) + 1e4)
