"""Checks of a vocoder's arguments; errors name the argument, the index and the expectation."""

from __future__ import annotations

import operator
from numbers import Real

import numpy as np

from wavehax import _engine
from wavehax.config import FEATURES, FeatureConfig
from wavehax.mel.written import natural

MIN_F0 = 1.0
"""Lowest F0 of a voiced frame, Hz.

A lower one is a mistake, such as a contour that was smoothed into unvoiced frames. Its prior would
be one huge click.
"""

_FLOAT32 = np.dtype(np.float32)


def checked_mel(mel: np.ndarray, features: FeatureConfig, first: int = 0) -> np.ndarray:
    """The natural mel of `mel`, float32 [n_mels, frames]; messages count frames from `first`.

    `mel` is written as `features` says; most definitions write the natural mel itself.
    """
    mel = np.asarray(mel)
    if mel.dtype.kind != "f":
        raise ValueError(f"mel is of type {mel.dtype}: expected floating point, such as float32")
    if mel.ndim != 2 or mel.shape[0] != features.n_mels:
        raise ValueError(
            f"mel has shape {list(mel.shape)}: expected"
            f" {_definition(features)}{_advice(mel, features)}"
        )
    mel = _as_float32(mel)
    mel = natural(mel if mel.flags.aligned else mel.copy(), features)
    bad = _engine.first_not_finite(mel)
    if bad < mel.size:
        frame, band = divmod(bad, features.n_mels)
        raise ValueError(
            f"mel is {mel[band, frame]} in band {band} of frame {first + frame}: expected finite"
            " values"
        )
    return mel


def checked_f0(
    f0: np.ndarray, frames: int | None, first: int = 0, scale: float = 1.0
) -> np.ndarray:
    """`f0` times `scale` as float32 [frames]; messages count frames from `first`.

    Where `frames` is None, any number of them is right.
    """
    f0 = np.asarray(f0)
    if f0.dtype.kind not in "fiu":
        raise ValueError(f"f0 is of type {f0.dtype}: expected numbers in Hz")
    if f0.ndim != 1:
        count = "T" if frames is None else frames
        raise ValueError(
            f"f0 has shape {list(f0.shape)}: expected [{count}], one value in Hz for each frame"
        )
    frames = len(f0) if frames is None else frames
    if len(f0) != frames:
        raise ValueError(
            f"f0 has {len(f0)} frames and mel has {frames}: expected the same number in both"
        )
    given = f0
    if scale != 1:
        # Multiply in float64: in float32 a large scale would be infinite, and turn 0 Hz into NaN.
        # Results that are not finite are refused below.
        with np.errstate(over="ignore", invalid="ignore"):
            f0 = f0 * np.float64(scale)
    f0 = np.ascontiguousarray(_as_float32(f0))
    bad = _engine.first_no_pitch(f0)
    if f0 is not given:  # a value that float32 rounds to 0 is no pitch either
        bad = min([bad, *np.flatnonzero((f0 == 0) & (given != 0))[:1]])
    if bad < frames:
        frame, value = bad, f0[bad] or given[bad]
        raise ValueError(
            f"f0 is {value} in frame {first + frame}: expected at least {MIN_F0:g} Hz, or 0 where"
            " unvoiced"
        )
    return f0


def checked_prior(prior: np.ndarray, samples: int) -> np.ndarray:
    """`prior` as float32 [samples]."""
    prior = np.asarray(prior)
    if prior.dtype.kind != "f" or prior.shape != (samples,):
        raise ValueError(
            f"prior is {prior.dtype} {list(prior.shape)}: expected floating point [{samples}]"
        )
    prior = np.ascontiguousarray(_as_float32(prior))
    finite = np.isfinite(prior)
    if not finite.all():
        index = int(np.argmin(finite))
        raise ValueError(f"prior is {prior[index]} at sample {index}: expected finite values")
    return prior


def checked_seed(seed: int) -> int:
    """An integer that the engine's generator takes."""
    try:
        value = operator.index(seed)
    except TypeError:
        value = -1
    if not 0 <= value < 2**64:
        raise ValueError(f"seed={seed!r}: expected an integer, 0 <= seed < 2**64")
    return value


def checked_scale(f0_scale: float) -> float:
    """A factor of F0."""
    if not (isinstance(f0_scale, Real) and 0 < f0_scale < float("inf")):
        raise ValueError(f"f0_scale={f0_scale!r}: expected a finite number, more than 0")
    return float(f0_scale)


def checked_threads(threads: int) -> int:
    """A number of threads."""
    try:
        value = operator.index(threads)
    except TypeError:
        value = 0
    if not 0 < value < 2**31:
        raise ValueError(f"threads={threads!r}: expected an integer, 1 or more")
    return value


def _as_float32(values: np.ndarray) -> np.ndarray:
    if values.dtype == _FLOAT32:
        return values
    with np.errstate(over="ignore"):  # a value that overflows becomes infinite, and is refused
        return values.astype(np.float32)


def _definition(features: FeatureConfig) -> str:
    return (
        f"[{features.n_mels}, T], log-mel {features.name!r}: {features.n_mels}"
        f" {features.mel_scale} bands"
        f" {features.f_min:g}-{features.f_max:g} Hz, hop {features.hop_length} at"
        f" {features.sample_rate} Hz"
    )


def _advice(mel: np.ndarray, features: FeatureConfig) -> str:
    if mel.ndim != 2:
        return ""
    if mel.shape[1] == features.n_mels:
        return "; give its transpose"
    for bands in mel.shape:
        others = [repr(name) for name, other in FEATURES.items() if other.n_mels == bands]
        if others:
            return (
                f"; {bands} bands are those of {' or '.join(others)}: load a model for them, or"
                " convert the mel"
            )
    return ""
