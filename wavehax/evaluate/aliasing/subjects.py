"""What `wavehax evaluate aliasing` measures: model files in the engine, and runs of training in
PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

import wavehax
from wavehax.checkpoint import load_model
from wavehax.config import FeatureConfig
from wavehax.errors import optional_module
from wavehax.models.locate import MODEL_FILE, model_path


class Synthesiser(Protocol):
    """A `wavehax.Vocoder`, or what does as one: its methods, as far as a measurement needs them."""

    features: FeatureConfig
    sample_rate: int
    hop_length: int

    def prior(self, f0: np.ndarray) -> np.ndarray:
        """Harmonics for F0 [T] without noise, as long as `__call__` wants a prior."""

    def __call__(self, mel: np.ndarray, f0: np.ndarray, *, prior: np.ndarray) -> np.ndarray:
        """Waveform [T * hop_length] from mel [n_mels, T], F0 [T] and a prior."""


@dataclass(frozen=True)
class Subject:
    """A model to measure."""

    voc: Synthesiser
    prior: str  # "pcph" or "noise"; "none" where the mel is all that the sound is made of
    mean_mel: np.ndarray  # [n_mels] of the training data


def open_subject(name: str) -> Subject:
    """A model, by what `wavehax.load` takes, or the folder of a training run
    (wavehax.evaluate.aliasing.trained).

    Raises:
        OSError: it cannot be read.
        ValueError: damaged, or a model with a prior other than those of `Subject`.
        ModuleNotFoundError: a run, and PyTorch is not installed.
    """
    if Path(name).is_dir() and not (Path(name) / MODEL_FILE).is_file():
        optional_module("torch", f"{name} is a training run, which", "wavehax[train]")
        from wavehax.evaluate.aliasing.trained import TrainedRun

        run = TrainedRun(Path(name))
        subject, priors = Subject(run, run.prior_kind, run.mean_mel), ("pcph", "noise", "none")
    else:
        voc = wavehax.load(name)
        subject, priors = (
            Subject(voc, voc.config.prior, load_model(model_path(name)).weights["mel_mean"]),
            ("pcph",),
        )
    if subject.prior not in priors:
        expected = " or ".join(repr(prior) for prior in priors[:2])
        raise ValueError(
            f"{name}: prior {subject.prior!r}: expected a model with the prior {expected}"
        )
    return subject


def in_step(prior: np.ndarray, voc: Synthesiser, frames: int) -> np.ndarray:
    """The samples of a prior that stand where those of the output do: a centred one begins half a
    hop earlier."""
    start = (len(prior) - frames * voc.hop_length) // 2
    return prior[start : start + frames * voc.hop_length]
