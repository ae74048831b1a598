"""A model file to start from: the blocks of a trained model, which know nothing of bands and bins;
the rest untrained.

python recipes/nsf-hifigan-44k/start.py wavehax/models/vocos-24k.safetensors data/nsf-hifigan-44k
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from wavehax.checkpoint import Model, load_model, save_model
from wavehax.config import GeneratorConfig, parameter_shapes
from wavehax.data.segments import prepared_manifest
from wavehax.errors import exit_code
from wavehax.train.config import TrainConfig
from wavehax.train.load import load_config
from wavehax.train.start import untrained

OF_BINS = ("mel_", "prior_proj.", "cond_proj.", "env_proj.")
"""Beginnings of the names of what depends on the number of bands or bins."""


def start(path: Path, config: TrainConfig, folder: Path) -> Model:
    """The model of `config`, normalised as the prepared `folder` is, with the layers of that in
    `path` but for OF_BINS.

    Raises:
        ValueError: those layers are others.
        OSError: a file is missing.
    """
    trained, manifest = load_model(path), prepared_manifest(folder, config.feature_config)
    found, expected = layers(trained.generator), layers(config.generator)
    for name in [*expected, *found]:
        if found.get(name) != expected.get(name):
            raise ValueError(
                f"{path}: {name} is of shape {found.get(name)}, expected {expected.get(name)}"
            )
    torch.manual_seed(config.seed)
    generator = untrained(config, manifest["mel_mean"], manifest["mel_scale"])
    weights = {
        name: value.numpy().astype(np.float32) for name, value in generator.state_dict().items()
    }
    weights |= {name: trained.weights[name] for name in expected}
    return Model(config.generator, config.feature_config, weights, {})


def layers(config: GeneratorConfig) -> dict[str, tuple[int, ...]]:
    """Shapes by name, but for OF_BINS."""
    return {
        name: shape
        for name, shape in parameter_shapes(config).items()
        if not name.startswith(OF_BINS)
    }


def main() -> int:
    """Write start.safetensors into the prepared folder; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("model", type=Path, help="a trained model with the blocks of config.yaml")
    parser.add_argument("data", type=Path, help="prepared folder")
    arguments = parser.parse_args()
    out = arguments.data / "start.safetensors"

    def write() -> None:
        config = load_config(Path(__file__).with_name("config.yaml"))
        save_model(out, start(arguments.model, config, arguments.data), overwrite=False)

    return exit_code(write)


if __name__ == "__main__":
    sys.exit(main())
