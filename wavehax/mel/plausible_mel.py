"""Notices a mel that is not what its definition says, by levels that no speech has.

What is measured does not depend on the level of a recording, and hardly on its noise:

- The *range* of all values and the *motion* of a band over time. Both are multiples of what speech
  has where the logarithm is another one.
- What tells presets apart (wavehax/mel/other_preset.py).

The limits were set on 124 recordings of four kinds and lie outside all of their values, and then on
96 with noise. docs/mels.md has the number of false alarms over a corpus.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from wavehax.checkpoint import load_model
from wavehax.config import FEATURES, FLOOR_TOLERANCE, FeatureConfig
from wavehax.errors import warn
from wavehax.mel.features import analysis_window, mel_filterbank, mel_frequencies
from wavehax.mel.other_preset import expected_mean, louder, other_preset
from wavehax.models.locate import model_path

_LEAST_FRAMES = 40  # with fewer frames levels say little
_MOST_FRAMES = 500  # of a longer mel, frames are left out evenly
_LEAST_BANDS = 40  # with fewer bands there is no pattern over them
# Nepers. Speech has 6.6 to 11.6 between the 0.5th and the 99.5th percentile of values above the
# floor; 3.0 to 6.2 between the mean of louder frames and the 99.5th percentile. Both are for
# `vocos-24k`; with a higher floor the first is at most 13.7, and the second at most 7.4.
_WIDE, _HIGH = 13.0, 6.5
# Nepers. Speech in base 10 has up to 5.4, and speech in noise of a twentieth of its power has less
# than 5.8. Between the two, noise can look normalised, and hide which preset it is.
_NARROW, _LEAST_RANGE = 5.2, 5.8
# Deviation of a band over time, relative to the model's: 0.31 to 1.58 in speech.
_MOVING = 1.85
# Mels that move less over time (`_motion`) are not compared with presets: the harmonics of a held
# tone then shape the mean over time, from which presets are told apart.
_STEADY = 0.5
# Deviation over time divided by range. Most speech has more, and most noise has less.
_SPEECH_LIKE = 0.085
# The 99.5th percentile above the mean of louder frames, divided by range. Noise lifts what is low,
# and so the noise that comes near to the other limits has more.
_NOISE_LIKE = 0.52
_DECIBELS = 25.0  # least range of speech in decibels taken for nepers
_NEAR_ZERO = 0.35  # a mel whose mean, or that of every band, is as near to 0 is normalised
_LOUDEST = 1.5  # nepers above full scale: 12 dB, and a little
_EXCHANGED = 0.5  # gain in likeness to the mean of speech


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a mel seems to be."""

    cause: str  # "it looks like ..."
    remedy: str  # the flag that mends it, and the field of a definition
    preset: str | None = None  # the other preset, if it is clearly one


_NORMALISED = Finding("a normalised mel", "--stats FILE (mean and scale in a definition)")


def check_definition(found: Finding | None, features: FeatureConfig) -> None:
    """Warn of a mel that no speech has by the definition, and refuse one of another preset.

    Args:
        found: what `finding` returned for the definition `features`.
        features: the definition.

    Raises:
        ValueError: the mel is clearly one of another preset; the message names it, and the flags
            of the command line and the arguments in Python that help.
    """
    if found is None:
        return
    _tell(
        found,
        f"the model takes {features.name!r}",
        "converts it (in Python wavehax.mel.convert.convert)",
    )


def check_source(mel: np.ndarray, source: FeatureConfig) -> None:
    """Warn of a mel, or refuse it, as `check_definition`, before it is converted from `source`.

    Args:
        mel: natural mel [n_mels, T] of the definition `source`, finite.
        source: the definition that the caller named.

    Raises:
        ValueError: the mel is clearly one of another preset.
    """
    found = finding(mel, source, *_speech(source))
    if found is not None:
        names = "names it (--from in wavehax convert, source in Python)"
        _tell(found, f"the definition named is {source.name!r}", names)


def _tell(found: Finding, expected: str, names: str) -> None:
    """Refuse where another preset is found, and warn of anything else."""
    text = f"mel looks like {found.cause}, and {expected}: {found.remedy}"
    if found.preset is not None:
        raise ValueError(
            f"{text} {names}; --force-definition (force_definition=True) takes it as it is"
        )
    warn(f"{text}; --force-definition silences this")


@functools.lru_cache(maxsize=16)
def _speech(features: FeatureConfig) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation [n_mels] of the natural mel of speech by a definition.

    They are estimated from those of the default model, also where the mel is for another: the
    statistics of a mel that ends at 8 kHz say too little, and had true mels of 12 kHz refused.
    """
    model = load_model(model_path())
    mean = model.weights["mel_mean"].astype(np.float64)
    deviation = model.weights["mel_scale"].astype(np.float64)
    if features.same_bands(model.features):
        return mean, deviation
    known, wanted = (mel_frequencies(it)[1:-1] for it in (model.features, features))
    return expected_mean(model.features, features, mean), np.interp(wanted, known, deviation)


def finding(
    mel: np.ndarray, features: FeatureConfig, mean: np.ndarray, deviation: np.ndarray
) -> Finding | None:
    """What a mel seems to be, if no speech has such a mel by the definition.

    Args:
        mel: natural mel [n_mels, T] of the definition `features`, finite.
        features: the definition.
        mean: [n_mels], that of the natural mel of speech.
        deviation: [n_mels], its standard deviation.

    Returns:
        None where nothing speaks against the definition, or the mel is too short to tell.
    """
    if mel.shape[1] < _LEAST_FRAMES or len(mel) < _LEAST_BANDS:
        return None
    if not mean.any() and (deviation == 1).all():  # an imported model that knows no statistics
        return None
    mean, deviation = mean.astype(np.float64), deviation.astype(np.float64)
    levels = mel[:, :: -(-mel.shape[1] // _MOST_FRAMES)]
    # Whatever is lowest is a floor, be it that of another logarithm.
    heard = levels[levels > levels.min() + FLOOR_TOLERANCE]
    if heard.size < levels.size // 10:  # silence, or padding of any value
        return None
    heard.sort()
    other = _other_logarithm(np.maximum(levels, heard[0]), heard, features, deviation)
    if other is not None:
        return other
    levels = np.maximum(levels, np.float32(math.log(features.magnitude_floor)))
    if levels.shape[0] == levels.shape[1] and _transposed(levels, mean):
        return Finding("one with bands and frames exchanged", "give its transpose")
    audible = np.count_nonzero(levels > levels.min() + FLOOR_TOLERANCE, axis=0)
    levels = levels[:, audible > 0.5 * len(levels)]
    if levels.shape[1] < _LEAST_FRAMES or _motion(levels, deviation) < _STEADY:
        return None
    if _percentile(heard, 99.5) - _percentile(heard, 0.5) < _LEAST_RANGE:
        return None
    preset = other_preset(levels, features, mean)
    if preset is None:
        return None
    return Finding(f"the mel {preset!r}", f"--features {preset}", preset)


def _motion(levels: np.ndarray, deviation: np.ndarray) -> float:
    """Deviation of a band over time relative to that of speech, the median of all bands."""
    return _percentile(np.sort(levels.std(axis=1) / deviation), 50)


def _percentile(ordered: np.ndarray, percent: float) -> float:
    """That of numpy (linear), for values [N] in order; numpy's takes as long as the whole check."""
    place = percent / 100 * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low]) + (place - low) * (float(ordered[high]) - float(ordered[low]))


def _other_logarithm(
    levels: np.ndarray, heard: np.ndarray, features: FeatureConfig, deviation: np.ndarray
) -> Finding | None:
    """Find a mel in another logarithm, or without one, from its values above the lowest.

    `heard` [N] are these values, sorted."""
    lowest, middle, highest = (_percentile(heard, percent) for percent in (0.5, 50, 99.5))
    spread = highest - lowest
    loud = highest > _full_scale(features) + _LOUDEST
    if heard[0] >= 0 and middle < highest / 4 and (loud or lowest < highest / 100):
        return Finding("magnitudes without a logarithm", "take their logarithm first")
    if spread > _DECIBELS and (loud or middle < math.log(features.magnitude_floor)):
        return _written("dB", "decibels", features)
    if np.abs(levels.mean(axis=1)).max() < _NEAR_ZERO:
        return _NORMALISED
    motion, above = _motion(levels, deviation), highest - float(louder(levels).mean())
    if loud or (spread > _WIDE and motion > _MOVING and above > _HIGH):
        return Finding(
            "logarithms of squared magnitudes", "--mel-power 2 (power: 2 in a definition)"
        )
    if spread >= _NARROW or motion < _SPEECH_LIKE * spread or above > _NOISE_LIKE * spread:
        return None
    return _narrow(float(levels.mean()), features)


def _narrow(level: float, features: FeatureConfig) -> Finding | None:
    """What a mel of little range seems to be, from its mean."""
    base10 = _written("10", "logarithms to base 10", features)
    if abs(level) < _NEAR_ZERO:
        return _NORMALISED
    if level < -2 * _NEAR_ZERO:
        return base10
    return Finding(
        f"{_NORMALISED.cause} or {base10.cause}", f"{_NORMALISED.remedy} or {base10.remedy}"
    )


def _transposed(levels: np.ndarray, mean: np.ndarray) -> bool:
    """Whether a square mel goes over frames as speech goes over bands, and not over bands."""
    over_bands, over_frames = (np.corrcoef(levels.mean(axis=axis), mean)[0, 1] for axis in (1, 0))
    return bool(over_frames - over_bands > _EXCHANGED)


def _written(log: str, name: str, features: FeatureConfig) -> Finding:
    """A mel in the logarithm `log`, of these bands or of a preset that has as many."""
    remedy = f"--mel-log {log} (log: {log} in a definition)"
    bands = features.n_mels
    presets = [it.name for it in FEATURES.values() if it.log == log and it.n_mels == bands]
    return Finding(name, " or ".join([remedy, *(f"--features {preset}" for preset in presets)]))


@functools.lru_cache(maxsize=16)
def _full_scale(features: FeatureConfig) -> float:
    """The natural mel of a full-scale sine in the middle of the widest band, at most."""
    peak = mel_filterbank(features).max() ** (1 / features.power)
    return math.log(0.5 * analysis_window(features).sum() * peak) + 1.0
