"""Export of training checkpoints to a model file.

It has the averaged weights, and batch-norm statistics measured with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wavehax.checkpoint import Model, load_model, save_model
from wavehax.config import FeatureConfig
from wavehax.config.written import written
from wavehax.data.batch import Batch
from wavehax.data.config import DataConfig
from wavehax.data.segments import SegmentDataset
from wavehax.files.outputs import refuse_existing, replacing
from wavehax.nn import BaseGenerator, build_generator
from wavehax.nn.layers import BatchNorm
from wavehax.train.f0 import copy_predictor
from wavehax.train.state import load_state, unflatten
from wavehax.train.values import config_from_dict
from wavehax.vocoder import Vocoder

_MAX_ERROR = 1e-4  # largest difference between engine and PyTorch, the largest sample being 1
# Batches over which statistics are averaged. With 11 segments of 48 frames, as the recipes have
# them, they are 5 minutes of audio at 24 kHz.
_STATISTICS_BATCHES = 50


def export(
    checkpoints: Sequence[Path],
    out: Path,
    provenance: dict[str, Any],
    *,
    f0_from: Path | None = None,
    force: bool = False,
) -> Model:
    """Write the model file `out` from a run; steps and time are added to `provenance`.

    `out` appears (or, with `force`, is replaced) only once the engine has been found to compute
    what PyTorch does.

    With several checkpoints, the weights are the mean of their averaged weights (stochastic weight
    averaging, Izmailov et al., arXiv 1803.05407).

    Batch-norm statistics are measured with these weights, over training batches from the prepared
    folder that the last checkpoint names. Those collected while training belong to other weights.

    Args:
        checkpoints: the folders of one or more checkpoints of a run, in the order of their steps.
        out: the model file.
        provenance: where the model comes from, any JSON types.
        f0_from: a model file whose predictor of F0 goes into this one.
        force: whether to replace `out` where it exists.

    Returns:
        The model, as read back from `out`.

    Raises:
        OSError: a file is missing or cannot be written, or `out` exists and `force` is not set.
        ValueError: a checkpoint does not fit the last one's configuration, a weight is not finite,
            the engine computes something else than PyTorch from what was written, or `f0_from` has
            no predictor for this mel.
    """
    refuse_existing(out, force)
    donor = load_model(f0_from) if f0_from else None
    states = [load_state(checkpoint) for checkpoint in checkpoints]
    _, state = states[-1]
    config = config_from_dict(state["config"])
    generator = build_generator(config.generator, config.feature_config.magnitude_floor)
    generator.load_state_dict(_mean([unflatten("ema", tensors) for tensors, _ in states]))
    torch.set_num_threads(config.threads)
    measure_batch_norm(generator, config.data, config.feature_config, config.seed + 1)
    training = _training(state)
    if len(states) > 1:
        training["averaged_steps"] = [values["step"] for _, values in states]
    model = Model(
        config.generator,
        config.feature_config,
        weights_of(generator),
        {**provenance, "training": training},
    )
    if donor:
        model = copy_predictor(model, donor)
    with replacing(out, overwrite=force) as temporary:
        save_model(temporary, model)
        written = load_model(temporary)
        verify(written, generator)
    return written


def _mean(weights: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of tensors of the same names and shapes, summed in float64."""
    first, *others = weights
    return {
        name: sum((other[name].double() for other in others), value.double())
        .div(len(weights))
        .to(value.dtype)
        for name, value in first.items()
    }


def _training(state: dict[str, Any]) -> dict[str, Any]:
    """How a run with the values `state` of its checkpoint was trained, for a model's provenance.

    Paths are left out, as they are of this machine.
    """
    config = state["config"]
    settings = {key: config[key] for key in ("seed", "optimizer", "loss") if key in config}
    settings["data"] = {key: value for key, value in config["data"].items() if key != "path"}
    if adversary := config.get("adversary"):
        settings["adversary"] = {
            key: value for key, value in adversary.items() if key != "init_from"
        }
    if teacher := config.get("teacher"):
        settings["teacher"] = {**teacher, "model": Path(teacher["model"]).name}
    return {"steps": state["step"], "hours": round(state["seconds"] / 3600, 2), **settings}


def generator_of(model: Model) -> BaseGenerator:
    """The generator of a model file in PyTorch, in evaluation mode."""
    generator = build_generator(model.generator, model.features.magnitude_floor)
    generator.load_state_dict(
        {name: torch.from_numpy(x.copy()) for name, x in model.weights.items()}
    )
    return generator.eval()


def weights_of(generator: BaseGenerator) -> dict[str, np.ndarray]:
    """The tensors of a generator as a model file holds them."""
    return {name: x.numpy().astype(np.float32) for name, x in generator.state_dict().items()}


@torch.no_grad()
def measure_batch_norm(
    generator: BaseGenerator, config: DataConfig, features: FeatureConfig, seed: int
) -> None:
    """Set every batch norm's running mean and variance to the average over training batches.

    Args:
        generator: left in evaluation mode. One without batch norms stays as it is, and nothing is
            read.
        config: the prepared folder, and how segments are drawn from it.
        features: the mel that the folder must hold.
        seed: decides which segments are drawn.

    Raises:
        FileNotFoundError: the folder was not prepared.
        ValueError: it holds another mel, or no utterance as long as a segment.
    """
    norms = [module for module in generator.modules() if isinstance(module, BatchNorm)]
    if not norms:
        return
    data = SegmentDataset(config, features, seed)
    generator.train()
    for i in range(_STATISTICS_BATCHES):
        for norm in norms:
            norm.momentum = 1 / (i + 1)  # makes the running value the plain average so far
        generator(*Batch.of(data.batch(i)).inputs(generator))
    for norm in norms:
        norm.momentum = BatchNorm.momentum
    generator.eval()


@torch.no_grad()
def verify(model: Model, generator: BaseGenerator) -> None:
    """Raise ValueError unless the engine makes the same waveform with `model` as PyTorch does.

    Args:
        model: run by the engine.
        generator: run by PyTorch, in evaluation mode.
    """
    rng = np.random.default_rng(0)
    frames = 50
    deviation = rng.standard_normal((model.features.n_mels, frames)).astype(np.float32)
    mel = model.weights["mel_mean"][:, None] + 0.3 * model.weights["mel_scale"][:, None] * deviation
    f0 = np.where(np.arange(frames) < 30, 150, 0).astype(np.float32)
    prior = (0.1 * rng.standard_normal(generator.prior_length(frames))).astype(np.float32)
    inputs = (torch.from_numpy(x)[None] for x in (mel, f0[None], prior[None]))
    expected = generator(*inputs)[0, 0].numpy()
    given = written(mel, model.features)
    made = Vocoder(model)(given, f0, prior=prior, force_definition=True)
    error = np.abs(made - expected).max() / np.abs(expected).max()
    if not error <= _MAX_ERROR:
        raise ValueError(
            f"engine differs from PyTorch by {error:.1e} of the peak: expected at most"
            f" {_MAX_ERROR:.0e}"
        )
