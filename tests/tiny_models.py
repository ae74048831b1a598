"""Outputs of the authors' implementation, and small models made from them, for the tests of this
folder."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from wavehax.checkpoint import F0Model, Model
from wavehax.config import F0Config, FeatureConfig, f0_parameter_shapes
from wavehax.files.sound import read_audio
from wavehax.official.convert import convert_official

DATA = Path(__file__).parent / "data"
LARGE_FIXTURES = os.environ.get("WAVEHAX_FIXTURES", "")
"""The folder of the authors' models of full size (6 MB, too large to commit), or empty."""
TINY = ("tiny_wavehax", "tiny_wavehax_frame", "tiny_mswavehax")
FIXTURES = (*TINY, "official_wavehax_v1", "official_wavehax_v1_framewise", "official_mswavehax")


def read_fixture(name: str) -> tuple[dict, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The authors' configuration, their weights, and the arrays cond, f0, prior and wave.

    The configuration has `_target_` and the arguments of the generator.
    """
    if name not in TINY and not LARGE_FIXTURES:
        pytest.skip(
            f"needs {name}.npz in the folder that the environment variable WAVEHAX_FIXTURES names"
        )
    path = (DATA if name in TINY else Path(LARGE_FIXTURES)) / f"{name}.npz"
    with np.load(path) as file:
        arrays = dict(file)
    config = json.loads(str(arrays.pop("config")))
    config = {"_target_": "wavehax.generators." + config.pop("generator"), **config}
    weights = {
        key.removeprefix("weights/"): arrays.pop(key)
        for key in list(arrays)
        if key.startswith("weights/")
    }
    return config, weights, arrays


def recording_features() -> dict[str, np.ndarray]:
    """The authors' features of the first 160 hops of tests/data/recording.wav.

    `wave` is these samples, `mel` their mel of the preset wavehax-24k, `mel_vocos_24k` that of
    vocos-24k, `f0_harvest` their F0 in Hz. `mel_loss` is the authors' loss between `noisy_wave`
    and `wave`.
    """
    with np.load(DATA / "recording_features.npz") as file:
        arrays = dict(file)
    wave, _ = read_audio(DATA / "recording.wav", 24000)
    return {**arrays, "wave": wave[: int(arrays["samples"])]}


def tiny_model(name: str) -> Model:
    """The model of a committed fixture, with features of its own that fit."""
    config, weights, _ = read_fixture(name)
    generator, converted = convert_official(config, weights)
    hop = generator.hop_length
    features = FeatureConfig(
        "tiny", 24000, hop, 2 * hop, generator.n_mels, 0.0, 8000.0, "slaney", "slaney", "same", 1e-5
    )
    return Model(generator, features, converted, {"licence": "none, it is a test"})


def with_f0(model: Model) -> Model:
    """`model` with a small predictor of F0 of random weights, which finds half of random frames
    voiced."""
    config = F0Config(channels=12, num_blocks=2, num_bins=40, f0_min=80.0, bin_cents=50.0)
    return dataclasses.replace(
        model, f0=F0Model(config, random_f0_weights(config, model.features.n_mels, 1))
    )


def random_f0_weights(config: F0Config, n_mels: int, seed: int) -> dict[str, np.ndarray]:
    """Weights by name; products keep the scale of their input."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in f0_parameter_shapes(config, n_mels).items():
        if name == "mel_scale":
            value = rng.uniform(0.5, 2.0, shape)
        else:
            value = rng.standard_normal(shape) * (
                2 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.3
            )
        weights[name] = value.astype(np.float32)
    voicing = weights["output_proj.weight"][-1]
    # activations are positive on average, which would decide it for all frames alike
    voicing -= voicing.mean()
    weights["output_proj.bias"][-1] = 0
    return weights
