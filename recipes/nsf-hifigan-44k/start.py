"""Write a model to start from: blocks from a trained model, all other layers untrained.

A block is a convolution over bins and frames, and does not depend on how many bands and bins there
are.

python recipes/nsf-hifigan-44k/start.py wavehax/models/vocos-24k.safetensors data/nsf-hifigan-44k
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from wavehax.checkpoint import Model, load_model, save_model
from wavehax.config import GeneratorConfig, parameter_shapes
from wavehax.data.prepared import prepared_manifest
from wavehax.errors import exit_code
from wavehax.train.config import TrainConfig
from wavehax.train.load import load_config
from wavehax.train.start import untrained

OF_BINS = ("mel_", "prior_proj.", "cond_proj.", "env_proj.")
"""Beginnings of the names of tensors that depend on the number of bands or bins."""


def start(path: Path, config: TrainConfig, folder: Path) -> Model:
    """The model of `config` with all layers of the model in `path`, except those of OF_BINS.

    It is normalised as the prepared `folder` is.

    Raises:
        ValueError: the layers of the two models have different names or shapes.
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
    """Shapes by name, without those of OF_BINS."""
    return {
        name: shape
        for name, shape in parameter_shapes(config).items()
        if not name.startswith(OF_BINS)
    }


def main() -> int:
    """Write start.safetensors into the prepared folder. Returns the exit code."""
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
