"""A training checkpoint to a model file: the averaged weights, batch-norm statistics measured with
them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from wavehax.checkpoint import Model, load_model, save_model
from wavehax.config import FeatureConfig
from wavehax.data.config import DataConfig
from wavehax.data.segments import Batch, SegmentDataset
from wavehax.files.outputs import refuse_existing, replacing
from wavehax.nn import BaseGenerator, build_generator
from wavehax.nn.layers import BatchNorm
from wavehax.train.config import config_from_dict
from wavehax.train.f0 import copy_predictor
from wavehax.train.state import load_state, unflatten
from wavehax.vocoder import Vocoder

_MAX_ERROR = 1e-4  # of the largest sample
_STATISTICS_BATCHES = 50  # 50 x 11 x 48 frames: 5 minutes of audio


def export(
    checkpoint: Path,
    out: Path,
    provenance: dict[str, Any],
    *,
    f0_from: Path | None = None,
    force: bool = False,
) -> Model:
    """Write the model file `out` from `checkpoint`; steps and time are added to `provenance`.

    `out` appears (or, with `force`, is replaced) only once the engine has been found to compute
    what PyTorch does.

    Batch-norm statistics are averaged over training batches (read from the prepared folder that the
    checkpoint names) under the averaged weights: those collected while training belong to other
    weights. `f0_from` is a model file whose predictor of F0 goes into this one.

    Returns:
        The model, as read back from `out`.

    Raises:
        OSError: a file is missing or cannot be written, or `out` exists and `force` is not set.
        ValueError: the checkpoint does not fit its own configuration, a weight is not finite, the
            engine computes something else than PyTorch from what was written, or `f0_from` has no
            predictor for this mel.
    """
    refuse_existing(out, force)
    donor = load_model(f0_from) if f0_from else None
    tensors, state = load_state(checkpoint)
    config = config_from_dict(state["config"])
    generator = build_generator(config.generator, config.feature_config.log_floor)
    generator.load_state_dict(unflatten("ema", tensors))
    torch.set_num_threads(config.threads)
    measure_batch_norm(generator, config.data, config.feature_config, config.seed + 1)
    weights = weights_of(generator)
    settings = {
        key: value
        for key, value in state["config"].items()
        if key in ("seed", "optimizer", "loss", "data")
    }
    settings["data"] = {
        key: value for key, value in settings["data"].items() if key != "path"
    }  # of this machine
    if adversary := state["config"].get("adversary"):
        settings["adversary"] = {
            key: value for key, value in adversary.items() if key != "init_from"
        }
    training = {"steps": state["step"], "hours": round(state["seconds"] / 3600, 2), **settings}
    model = Model(
        config.generator, config.feature_config, weights, {**provenance, "training": training}
    )
    if donor:
        model = copy_predictor(model, donor)
    with replacing(out, overwrite=force) as temporary:
        save_model(temporary, model)
        written = load_model(temporary)
        verify(written, generator)
    return written


def generator_of(model: Model) -> BaseGenerator:
    """The generator of a model file in PyTorch, to be run and not trained."""
    generator = build_generator(model.generator, model.features.log_floor)
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
        generator: a generator without batch norms stays as it is, and nothing is read.
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
        batch = Batch(*map(torch.from_numpy, data.batch(i)))
        generator(*batch.inputs(generator))
    for norm in norms:
        norm.momentum = BatchNorm.momentum
    generator.eval()


@torch.no_grad()
def verify(model: Model, generator: torch.nn.Module) -> None:
    """Raise ValueError unless the engine makes the waveform of `model` that PyTorch makes of
    `generator`."""
    rng = np.random.default_rng(0)
    frames = 50
    deviation = rng.standard_normal((model.features.n_mels, frames)).astype(np.float32)
    mel = model.weights["mel_mean"][:, None] + 0.3 * model.weights["mel_scale"][:, None] * deviation
    f0 = np.where(np.arange(frames) < 30, 150, 0).astype(np.float32)
    prior = (0.1 * rng.standard_normal(generator.prior_length(frames))).astype(np.float32)
    expected = generator(*(torch.from_numpy(x)[None] for x in (mel, f0[None], prior[None])))[
        0, 0
    ].numpy()
    error = np.abs(Vocoder(model)(mel, f0, prior=prior) - expected).max() / np.abs(expected).max()
    if not error <= _MAX_ERROR:
        raise ValueError(
            f"engine differs from PyTorch by {error:.1e} of the peak: expected at most"
            f" {_MAX_ERROR:.0e}"
        )
