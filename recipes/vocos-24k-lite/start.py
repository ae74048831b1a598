"""Write a model to start from: vocos-24k with fewer blocks, units and taps.

python recipes/vocos-24k-lite/start.py wavehax/models/vocos-24k.safetensors start.safetensors

The layers that stay keep their weights. These are kept:

- the blocks without which the output of vocos-24k changes most
- the expanded units whose products are largest
- the middle of the depthwise kernels over bins
- the newest frames of all kernels over time
- the planes that are not projections of the prior

Training then makes up for what was left out.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from wavehax.checkpoint import Model, load_model, save_model
from wavehax.config import GeneratorConfig
from wavehax.errors import exit_code
from wavehax.train.load import load_config

# Left out are 4, 6 and 7. Without them one at a time the wave changes by 0.32, 0.12 and 0.18 of its
# power, without any other block by 0.34 to 0.95.
BLOCKS = (0, 1, 2, 3, 5)
PLANES = (0, 1, 4)  # real and imaginary part, and the mel; not the projections of the first two


def start(path: Path, config: GeneratorConfig) -> Model:
    """The model in `path`, cut down to the shape of `config`."""
    trained = load_model(path)
    given, weights = trained.weights, {}
    kept = ("mel_", "env_proj.", "input_norm.", "output_norm.", "output_proj.")
    weights |= {name: value for name, value in given.items() if name.startswith(kept)}
    weights["cond_proj.weight"] = given["cond_proj.weight"][..., -config.projection_taps :]
    weights["cond_proj.bias"] = given["cond_proj.bias"]
    weights["input_proj.weight"] = given["input_proj.weight"][:, PLANES]
    for index, block in enumerate(BLOCKS):
        prefix = f"blocks.{block}."
        layers = {
            name.removeprefix(prefix): given[name] for name in given if name.startswith(prefix)
        }
        weights |= {f"blocks.{index}.{name}": value for name, value in cut(layers, config).items()}
    weights = {name: np.ascontiguousarray(value) for name, value in weights.items()}
    return Model(config, trained.features, weights, {})


def cut(layers: dict[str, np.ndarray], config: GeneratorConfig) -> dict[str, np.ndarray]:
    """The tensors of a block with the kernel and the expanded units of `config`."""
    bins, frames = config.kernel_size
    kernel = layers["dwconv.weight"]
    beside = (kernel.shape[2] - bins) // 2
    first, second = layers["pwconv1.weight"], layers["pwconv2.weight"]
    size = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=0)
    units = np.sort(np.argsort(size)[-config.channels * config.mult_channels :])
    return layers | {
        "dwconv.weight": kernel[:, :, beside : beside + bins, -frames:],
        "pwconv1.weight": first[units],
        "pwconv1.bias": layers["pwconv1.bias"][units],
        "pwconv2.weight": second[:, units],
    }


def main() -> int:
    """Write the model. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("model", type=Path, help="vocos-24k, or a model of its shape")
    parser.add_argument("output", type=Path, help="model file to write")
    arguments = parser.parse_args()

    def write() -> None:
        config = load_config(Path(__file__).with_name("config.yaml"), [])
        save_model(arguments.output, start(arguments.model, config.generator), overwrite=False)

    return exit_code(write)


if __name__ == "__main__":
    sys.exit(main())
