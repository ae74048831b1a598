"""The start of a run: an untrained generator, or weights from another run or from a model file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from wavehax.checkpoint import load_model
from wavehax.models.locate import model_path
from wavehax.nn import BaseGenerator, Generator, build_generator
from wavehax.train.adversary import Adversary
from wavehax.train.config import TrainConfig
from wavehax.train.optim import load_optimizer
from wavehax.train.state import checkpoint_of, is_run, load_state, unflatten


def untrained(config: TrainConfig, mel_mean: ArrayLike, mel_scale: ArrayLike) -> BaseGenerator:
    """Make the generator of a run before its first step.

    Args:
        config: the run.
        mel_mean, mel_scale: [n_mels] each, those of the prepared mels.
    """
    model = build_generator(config.generator, config.feature_config.magnitude_floor)
    model.set_normalization(mel_mean, mel_scale)
    if isinstance(model, Generator) and config.generator.output == "excitation":
        model.initialize_envelope(config.feature_config)
    return model


def initialize(model: BaseGenerator, source: str) -> None:
    """Load averaged weights into `model`.

    The normalisation of the mel belongs to them and is loaded too.

    Args:
        model: of the same shape as the one that is loaded.
        source: a run_dir (its newest checkpoint), the folder of one checkpoint, or a model as
            `wavehax.load` takes it.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or its shape is another; the message names the first tensor that
            differs.
    """
    weights = _weights(source)
    _check_shapes(weights, model, f"init_from={source}")
    model.load_state_dict(weights)


def initialize_discriminators(adversary: Adversary, source: str) -> None:
    """Load discriminators, and the state of their optimiser.

    Args:
        adversary: gets them.
        source: a run_dir (its newest checkpoint), or the folder of one checkpoint.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or has no discriminators or other ones; the message names the
            first tensor that differs.
    """
    tensors, _ = load_state(checkpoint_of(Path(source)))
    _check_shapes(
        unflatten("discriminator", tensors), adversary.bare, f"adversary.init_from={source}"
    )
    load_discriminators(adversary, tensors)


def load_discriminators(adversary: Adversary, tensors: Mapping[str, Tensor]) -> None:
    """Load discriminators and the state of their optimiser from the tensors of a checkpoint."""
    adversary.bare.load_state_dict(unflatten("discriminator", tensors))
    load_optimizer(adversary.optimizer, unflatten("discriminator_optimizer", tensors))


def _check_shapes(weights: Mapping[str, Tensor], module: nn.Module, source: str) -> None:
    """Raise ValueError for the first tensor that is missing, of another shape, or too much."""
    for name, expected in module.state_dict().items():
        shape = list(weights[name].shape) if name in weights else None
        if shape != list(expected.shape):
            found = "missing" if shape is None else f"of shape {shape}"
            raise ValueError(f"{source}: {name} is {found}, expected {list(expected.shape)}")
    for name in sorted(weights.keys() - module.state_dict().keys()):
        raise ValueError(f"{source}: {name} is there, expected none")


def _weights(source: str) -> dict[str, Tensor]:
    if is_run(source):
        return unflatten("ema", load_state(checkpoint_of(Path(source)))[0])
    weights = load_model(model_path(source)).weights
    return {name: torch.from_numpy(value.copy()) for name, value in weights.items()}
