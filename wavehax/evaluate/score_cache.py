"""Scores that take long to compute, kept on disk from one evaluation to the next."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wavehax.files.outputs import replacing


def cached_score(
    kind: str, wave: np.ndarray, sample_rate: int, compute: Callable[[], float]
) -> float:
    """The score of a sound: read from the cache, or else computed and put there.

    An entry belongs to a kind, to the samples and to their rate. One that is damaged is computed
    again. Processes may share the cache: entries appear whole. Where no file can be written,
    nothing is kept.

    Args:
        kind: which score, by which version of what.
        wave: [N].
        sample_rate: Hz.
        compute: gives the score.
    """
    path = cache_folder() / kind / f"{_digest(wave, sample_rate)}.json"
    score = _read(path)
    if score is None:
        score = compute()
        # a home that is read-only, a full disk: the score is known all the same
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path, overwrite=True) as temporary:
                temporary.write_text(json.dumps({"score": score}), encoding="utf-8")
    return score


def cache_folder() -> Path:
    """`wavehax/scores` in the user's cache, which is $XDG_CACHE_HOME or else ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "wavehax" / "scores"


def _digest(wave: np.ndarray, sample_rate: int) -> str:
    samples = np.ascontiguousarray(wave, dtype="<f4")
    return hashlib.sha256(f"{sample_rate} Hz ".encode() + samples.tobytes()).hexdigest()


def _read(path: Path) -> float | None:
    """None where there is no such entry, or a damaged one."""
    try:
        score = json.loads(path.read_bytes())["score"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return score if isinstance(score, float) and math.isfinite(score) else None
