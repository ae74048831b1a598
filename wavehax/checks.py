"""Checks of a vocoder's arguments.

A function `checked_*` returns its argument in the type that the engine takes, or raises ValueError,
which names the argument, the index or value, and what was expected.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import operator
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from wavehax import _engine
from wavehax.checkpoint import load_model
from wavehax.config import FEATURES, FeatureConfig
from wavehax.config.written import natural
from wavehax.errors import warn
from wavehax.models.locate import model_path, shipped_models

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

MIN_F0 = 1.0
"""Lowest F0 of a voiced frame, Hz.

A lower one is a mistake, such as a contour that was smoothed into unvoiced frames. Its prior would
be one huge click.
"""

FORMANT_SCALES = (0.5, 2.0)
"""Least and greatest factor of formants; no two speakers differ by more."""

_NEGATIVE = (
    "; --f0-unvoiced any, or f0_in_hz(f0, unvoiced='any') of wavehax.features, takes nan and"
    " negative numbers as unvoiced"
)
# Of the frames, and at least 10 of them: F0 that has so many more or less is at another rate.
_OTHER_RATE = 0.1
_AT_HOP = (
    "; --f0-hop SECONDS, or wavehax.features.f0_at_hop, takes F0 at another rate than the mel's"
)
_FLOAT32 = np.dtype(np.float32)


def as_array(values: ArrayLike) -> np.ndarray:
    """`values` as an array of the same shape.

    They may be a PyTorch tensor, on any device, with or without a gradient. What a masked array of
    numpy masks is NaN, whatever lies below the mask.
    """
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        tensor: Any = values.detach().cpu()
        # numpy has no bfloat16
        return np.asarray(tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor)
    if np.ma.is_masked(values):
        masked: Any = np.ma.asarray(values)
        return masked.astype(np.result_type(masked, np.float32)).filled(np.nan)
    try:
        return np.asarray(values)
    except ValueError as error:  # numpy names neither an argument nor what was expected
        raise ValueError(
            "a list whose parts have different shapes is no array: expected one array;"
            " Vocoder.batch takes a list of utterances"
        ) from error


def checked_mel(mel: ArrayLike, features: FeatureConfig, first: int = 0) -> np.ndarray:
    """The natural mel of `mel`, float32 [n_mels, frames]; messages count frames from `first`.

    `mel` is written as `features` says; most definitions write the natural mel itself.
    """
    mel = as_array(mel)
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


def checked_f0(f0: ArrayLike, frames: int | None, first: int = 0, scale: float = 1.0) -> np.ndarray:
    """`f0` times `scale` as float32 [frames]; messages count frames from `first`.

    Where `frames` is None, any number of them is right.
    """
    f0 = as_array(f0)
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
            + ("" if abs(len(f0) - frames) < max(_OTHER_RATE * frames, 10) else _AT_HOP)
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
            " unvoiced" + ("" if value >= 0 else _NEGATIVE)
        )
    return f0


def fitted_f0(f0: ArrayLike, frames: int, axes: int = 1) -> np.ndarray:
    """`f0` fitted to the `frames` of the mel, where it has one frame more or less.

    Tools count the frames of an utterance differently. The last value is dropped or repeated, and a
    warning says so. F0 that differs by more, or has another number of `axes`, is returned as it is;
    the checks that follow refuse it. Frames are the last axis, as in [T].
    """
    f0 = as_array(f0)
    if f0.ndim != axes or f0.size == 0 or abs(f0.shape[-1] - frames) != 1:
        return f0
    more = f0.shape[-1] > frames
    warn(
        "f0 has one frame"
        + (" more than mel: the last is dropped" if more else " less than mel: the last is held")
    )
    return f0[..., :frames] if more else np.concatenate([f0, f0[..., -1:]], axis=-1)


def checked_audio(audio: ArrayLike, first: int = 0, least: int = 1) -> np.ndarray:
    """`audio` [N], `least` finite samples or more; a ValueError counts samples from `first`."""
    audio = as_array(audio)
    if audio.dtype.kind != "f":
        raise ValueError(
            f"audio is of type {audio.dtype}: expected floating point samples in [-1, 1]; divide"
            " 16-bit integers by 32768"
        )
    if audio.ndim != 1 or audio.size < least:
        raise ValueError(
            f"audio has shape {audio.shape}: expected one dimension of at least one sample"
        )
    finite = np.isfinite(audio)
    if not finite.all():
        raise ValueError(f"audio[{first + int(np.argmin(finite))}] is not finite")
    return audio


def checked_prior(prior: ArrayLike, samples: int) -> np.ndarray:
    """`prior` as float32 [samples]."""
    prior = as_array(prior)
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
    """`seed` as an integer, 0 <= seed < 2**64."""
    try:
        value = operator.index(seed)
    except TypeError:
        value = -1
    if not 0 <= value < 2**64:
        raise ValueError(f"seed={seed!r}: expected an integer, 0 <= seed < 2**64")
    return value


def checked_scale(f0_scale: float) -> float:
    """`f0_scale`, a factor of F0, as a finite float above 0."""
    if not (isinstance(f0_scale, Real) and 0 < f0_scale < float("inf")):
        raise ValueError(f"f0_scale={f0_scale!r}: expected a finite number, more than 0")
    return float(f0_scale)


def checked_formant_scale(formant_scale: float) -> float:
    """`formant_scale`, a factor of the frequencies of formants, as a float in `FORMANT_SCALES`."""
    low, high = FORMANT_SCALES
    if not (isinstance(formant_scale, Real) and low <= formant_scale <= high):
        raise ValueError(
            f"formant_scale={formant_scale!r}: expected a number from {low:g} to {high:g}"
        )
    return float(formant_scale)


def checked_threads(threads: int) -> int:
    """`threads`, a number of threads, as an integer from 1 to 2**31 - 1."""
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
    if mel.ndim == 3:
        if len(mel) == 1:
            return "; its first axis has length 1, give mel[0]"
        return f"; give the {len(mel)} utterances of its first axis one by one"
    if mel.ndim != 2:
        return ""
    if mel.shape[1] == features.n_mels:
        return "; give its transpose"
    for bands in mel.shape:
        shipped = {name: own for name, own in _shipped_mels().items() if own.n_mels == bands}
        others = {
            name: other
            for name, other in FEATURES.items()
            if other.n_mels == bands and other not in shipped.values()
        }
        if shipped:
            advice = f"; {bands} bands are those of {_either(shipped)}: load that model (--model)"
            twins = [_hint(other, list(shipped.values())) for other in others.values()]
            return advice + (f"; or of {_either(others, twins)}: --features" if others else "")
        if others:
            return (
                f"; {bands} bands are those of {_either(others)}, of which no model is shipped:"
                " --features names the mel, which is converted if it is near enough"
                " (wavehax.mel.convert), or load a model of your own"
            )
    return ""


def _hint(other: FeatureConfig, mels: Sequence[FeatureConfig]) -> str:
    """How to know a definition that differs from one of `mels` in the place of its frames alone."""
    for features in mels:
        alike = dataclasses.replace(other, name=features.name, padding=features.padding)
        if alike == features and other.centred and not features.centred:
            return f" (N // {features.hop_length} + 1 frames of N samples)"
    return ""


def _either(names: Iterable[str], hints: Iterable[str] = ()) -> str:
    """The names as a choice, each with its hint where there are hints."""
    pairs = itertools.zip_longest(names, hints, fillvalue="")
    *first, last = [f"{name!r}{hint}" for name, hint in pairs]
    return f"{', '.join(first)} or {last}" if first else last


@functools.cache
def _shipped_mels() -> dict[str, FeatureConfig]:
    """The mel of each shipped model, by the name of the model."""
    return {name: load_model(model_path(name)).features for name in shipped_models()}
