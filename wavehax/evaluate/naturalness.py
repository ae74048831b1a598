"""Scores how natural a sound is, 1 to 5, by networks that predict listeners' opinions of it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import io
import sys
from collections.abc import Callable
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np

from wavehax.evaluate.score_cache import cached_score
from wavehax.files.resample import resample

_RATE = 16000  # Hz; both networks take this rate
_NEEDED = {
    "distillmos": ("distillmos", "xls_r_sqa", "torch"),
    # speechmos imports the other three, and does not tell pip.
    "speechmos": ("speechmos", "onnxruntime", "librosa", "requests"),
}


def naturalness(natural: np.ndarray, generated: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Score a recording and a sound made from it, by the networks whose packages are installed.

    Scores are kept on disk.

    Args:
        natural: the recording, [N].
        generated: the sound made from it, [N].
        sample_rate: Hz.

    Returns:
        `distillmos` and `dnsmos` of `generated`, and those of the recording as
        `distillmos_recording` and `dnsmos_recording`.
    """
    found = {}
    for name, package, score in (
        ("distillmos", "distillmos", distillmos),
        ("dnsmos", "speechmos", dnsmos),
    ):
        if installed(package):
            for suffix, wave in (("", generated), ("_recording", natural)):
                compute = functools.partial(score, wave, sample_rate)
                found[name + suffix] = cached_score(
                    f"{name}-{version(package)}", wave, sample_rate, compute
                )
    return found


def installed(package: str) -> bool:
    """Whether `distillmos` or `speechmos` is installed, with all packages that it imports."""
    return all(importlib.util.find_spec(name) for name in _NEEDED[package])


def dnsmos(wave: np.ndarray, sample_rate: int) -> float:
    """Overall quality by DNSMOS P.835 (Reddy et al., ICASSP 2022), from the package `speechmos`.

    Sounds shorter than 9 s are repeated.
    """
    model = importlib.import_module("speechmos.dnsmos")
    return float(model.run(np.clip(resample(wave, sample_rate, _RATE), -1, 1), _RATE)["ovrl_mos"])


def distillmos(wave: np.ndarray, sample_rate: int) -> float:
    """Mean opinion score by DistillMOS (Stahl and Gamper, ICASSP 2025), from `distillmos`.

    It runs on one thread, because several files may be scored at once.
    """
    import torch

    samples = torch.from_numpy(resample(wave, sample_rate, _RATE).astype(np.float32))[None]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            return float(_distillmos_network()(samples))
    finally:
        torch.set_num_threads(threads)


@functools.cache
def _distillmos_network() -> Callable[[Any], Any]:
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the place of its weights
        return _import_distillmos().ConvTransformerSQAModel().eval()


def _import_distillmos() -> ModuleType:
    """Import the package, even if torchaudio, which only its command line uses, cannot be imported.

    torchaudio from PyPI looks for libraries of CUDA, so its import fails beside a PyTorch without
    CUDA. An empty module then takes its place while distillmos is imported.
    """
    try:
        importlib.import_module("torchaudio")
    except (ImportError, OSError):
        sys.modules["torchaudio"] = ModuleType("torchaudio")
        try:
            return importlib.import_module("distillmos")
        finally:
            del sys.modules["torchaudio"]
    return importlib.import_module("distillmos")
