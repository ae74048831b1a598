"""Opens what `wavehax evaluate aliasing` measures: model files, and training runs in PyTorch."""

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
    """The part of `wavehax.Vocoder` that a measurement needs."""

    @property
    def features(self) -> FeatureConfig:
        """The definition of the mel that it takes."""

    @property
    def sample_rate(self) -> int:
        """Samples a second of the output, Hz."""

    @property
    def hop_length(self) -> int:
        """Samples of output for each frame of mel."""

    def prior(self, f0: np.ndarray) -> np.ndarray:
        """Harmonics for F0 [T] in Hz without noise, as long as a prior of `__call__`."""

    def __call__(self, mel: np.ndarray, f0: np.ndarray, *, prior: np.ndarray) -> np.ndarray:
        """Waveform [T * hop_length] from mel [n_mels, T], F0 [T] in Hz and a prior."""


@dataclass(frozen=True)
class Subject:
    """A model to measure."""

    voc: Synthesiser
    prior: str  # "pcph" or "noise"; "none" where the sound is made from the mel alone
    mean_mel: np.ndarray  # natural mel [n_mels], the mean of the training data


def open_subject(name: str) -> Subject:
    """Open a model.

    Args:
        name: as `wavehax.load` takes it, or the folder of a training run.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or its prior is none of those of `Subject`.
        ModuleNotFoundError: it is a training run, and PyTorch is not installed.
    """
    priors: tuple[str, ...] = ("pcph",)
    if Path(name).is_dir() and not (Path(name) / MODEL_FILE).is_file():
        optional_module("torch", f"{name} is a training run, which", "wavehax[train]")
        from wavehax.evaluate.aliasing.trained import TrainedRun

        run = TrainedRun(Path(name))
        subject, priors = Subject(run, run.prior_kind, run.mean_mel), ("pcph", "noise", "none")
    else:
        voc = wavehax.load(name)
        mean_mel = load_model(model_path(name)).weights["mel_mean"]
        subject = Subject(voc, voc.config.prior, mean_mel)
    if subject.prior not in priors:
        expected = " or ".join(repr(prior) for prior in priors[:2])
        raise ValueError(
            f"{name}: prior {subject.prior!r}: expected a model with the prior {expected}"
        )
    return subject


def in_step(prior: np.ndarray, voc: Synthesiser, frames: int) -> np.ndarray:
    """The part of a prior that is in step with the output.

    A centred prior begins half a hop earlier and ends half a hop later.
    """
    start = (len(prior) - frames * voc.hop_length) // 2
    return prior[start : start + frames * voc.hop_length]
