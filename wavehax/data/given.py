"""Mels that were given beside their recordings, in place of mels computed from them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from wavehax.checks import checked_mel
from wavehax.config import FEATURES, FLOOR_TOLERANCE, FeatureConfig
from wavehax.mel.features import natural_mel
from wavehax.mel.files import read_mel

MOST_DIFFERENCE = 4
"""Frames by which a mel and its recording may differ, unless another number is given.

A Tacotron that emits five frames at once adds up to four.
"""
QUIETEST = 10
"""Least peak of a recording in steps of 16 bits, -70 dBFS: what is below holds no voice."""
# The least correlation with the mel of its recording among 1,634 spoiled mels
# (recipes/finetune-gta) is 0.88. The greatest between mels of different utterances is 0.49, and
# the median for mels 10 frames late is 0.15.
_LEAST_CORRELATION = 0.5
_SPREADS = (
    0.55,
    1.6,
)  # of movement, relative to the recording's mel; those spoiled had 0.82 to 1.01
# Distance from the recording's mel by another preset, relative to that by the definition. Of 39
# recordings, spoiled mels of the definition had at least 2.1, and those of another preset at most
# 0.47.
_NEARER = 1.0
_LEAST_FRAMES = 40  # of a mel whose movement is compared: fewer hold a sound or two


def given_mel(path: Path, features: FeatureConfig) -> np.ndarray:
    """Read the mel of a file as float32 [n_mels, T].

    Raises:
        ValueError: it cannot be read, has other bands than `features`, holds a value that is not
            finite, or nothing above the floor; the message begins with the path.
        ModuleNotFoundError: h5py or torch is needed and missing.
    """
    mel, _ = read_mel(path, features.n_mels, wants_f0=False)
    try:
        mel = checked_mel(mel, features)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if mel.max(initial=-np.inf) <= np.log(features.magnitude_floor) + FLOOR_TOLERANCE:
        raise ValueError(f"{path}: no value of the mel is above the floor: it is silent")
    return mel


def check_follows(mel: np.ndarray, computed: np.ndarray, path: Path, recording: Path) -> None:
    """Refuse a mel that does not move as the recording's does.

    Each band is compared around its own mean, so that a biased level does not count.

    Args:
        mel: [n_mels, T], as it was given in `path`.
        computed: [n_mels, T], as it is computed from `recording`.
        path, recording: for the message.

    Raises:
        ValueError: the two are not of the same utterance, or not of the same definition.
    """
    if mel.shape[1] < _LEAST_FRAMES:
        return
    given, true = (m - m.mean(axis=1, keepdims=True) for m in (mel, computed))
    given_spread, spread = np.sqrt(np.mean(given**2)), np.sqrt(np.mean(true**2))
    correlation = float(np.mean(given * true) / max(given_spread * spread, 1e-12))
    if correlation < _LEAST_CORRELATION:
        raise ValueError(
            f"{path}: does not follow {recording} (correlation {correlation:.2f}, expected at least"
            f" {_LEAST_CORRELATION}): is it of the same utterance, aligned with it?"
        )
    ratio = float(given_spread / spread)
    if not _SPREADS[0] <= ratio <= _SPREADS[1]:
        raise ValueError(
            f"{path}: moves {ratio:.2f} times as far as the mel of {recording}: expected natural"
            " logarithms of magnitude (0.43 times: log10; 2 times: power; 8.7 times: dB)"
        )


def check_preset(
    mel: np.ndarray, audio: np.ndarray, features: FeatureConfig, path: Path, recording: Path
) -> None:
    """Refuse a mel that is nearer to another preset's mel of the recording.

    Args:
        mel: [n_mels, T], natural, as it was given in `path`.
        audio: [N], the samples of `recording`.
        features: the definition that the mel should be of.
        path, recording: for the message.

    Raises:
        ValueError: it is of another preset, which the message names.
    """

    def distance(definition: FeatureConfig) -> float:
        computed = natural_mel(audio, definition)[:, : mel.shape[1]]
        difference = mel[:, : computed.shape[1]] - computed
        return float(np.sqrt(np.mean(difference**2)))

    own = distance(features)
    for other in FEATURES.values():
        if _could_be(other, features) and distance(other) < _NEARER * own:
            raise ValueError(
                f"{path}: is the mel {other.name!r} of {recording}, and not {features.name!r}:"
                f" --features {other.name}, and a model of that mel"
            )


def _could_be(other: FeatureConfig, features: FeatureConfig) -> bool:
    """Whether a mel of `other` has the frames and bands of one of `features`, with other values."""
    frames = ("sample_rate", "hop_length", "n_mels")
    alike = all(getattr(other, name) == getattr(features, name) for name in frames)
    return alike and not dataclasses.replace(other, padding=features.padding).same_bands(features)
