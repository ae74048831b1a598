"""Write a model to start from: vocos-24k, adapted to the mel and rate of hifigan-22k.

python recipes/hifigan-22k/start.py wavehax/models/vocos-24k.safetensors data/hifigan-22k

To vocos-24k, sound at 22.05 kHz is sound at its own rate, played 9 % faster. Hop and window of both
mels are the same in samples, so the network, its prior and its bins stay as they are.

What differs is how a frame is described. vocos-24k expects 100 bands up to half the rate, measured
at the start of a hop. hifigan-22k has 80 bands up to 8 kHz, measured in the middle of a hop. A
linear map from the second description to the first is fitted on the prepared recordings, and
multiplied into the two layers that read the mel.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from wavehax.checkpoint import Model, load_model, save_model
from wavehax.data.segments import SegmentDataset
from wavehax.errors import exit_code
from wavehax.mel.features import log_mel
from wavehax.train.config import TrainConfig
from wavehax.train.load import load_config

RIDGE = 1e-3  # relative to the mean power of normalised bands, which is 1
UTTERANCES = 400


def start(path: Path, config: TrainConfig) -> Model:
    """The model in `path`, adapted to the mel of `config` on the prepared folder of `config`.

    Raises:
        ValueError: the two generators differ in more than bands and sample rate.
        OSError: a file is missing.
    """
    trained, data = (
        load_model(path),
        SegmentDataset(config.data, config.feature_config, config.seed),
    )
    same = {"n_mels": config.generator.n_mels, "sample_rate": config.generator.sample_rate}
    found = {**vars(trained.generator), **same}
    if found != vars(config.generator):
        raise ValueError(f"{path}: its generator is another than that of config.yaml")
    here, there = frames(data, trained)
    weights = dict(trained.weights)
    weights["cond_proj.weight"], weights["cond_proj.bias"] = fold(weights, *fit(here, there))
    now = here[:, : data.features.n_mels]
    matrix, offset = fit(now, there)
    envelope = weights["env_proj.weight"][..., 0]
    weights["env_proj.weight"] = (envelope @ matrix)[..., None]
    weights["env_proj.bias"] = weights["env_proj.bias"] + envelope @ offset
    weights |= {"mel_mean": data.mel_mean, "mel_scale": data.mel_scale}
    weights = {name: np.asarray(value, np.float32) for name, value in weights.items()}
    return Model(config.generator, config.feature_config, weights, {})


def frames(data: SegmentDataset, trained: Model) -> tuple[np.ndarray, np.ndarray]:
    """Two normalised mels of the same frames: as `data` defines it, and as `trained` does.

    The first is [frames, 2 * n_mels] and holds frame t beside frame t - 1.
    """
    here, there, hop = [], [], data.features.hop_length
    mean, scale = trained.weights["mel_mean"], trained.weights["mel_scale"]
    for i in np.linspace(0, len(data.starts) - 1, UTTERANCES).astype(int):
        first, count = data.starts[i], data.frames[i]
        audio = data.audio[first * hop : (first + count) * hop] / np.float32(32768)
        mel = (data.mel[first : first + count] - data.mel_mean) / data.mel_scale
        here.append(np.concatenate([mel[1:], mel[:-1]], axis=1))
        wanted = (log_mel(audio, trained.features).T - mean) / scale
        there.append(wanted[1:count])
    return np.concatenate(here).astype(np.float64), np.concatenate(there).astype(np.float64)


def fit(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression of y [frames, outputs] on x: matrix [outputs, inputs], and offset."""
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = x - x_mean, y - y_mean
    power = x.T @ x + RIDGE * len(x) * np.eye(x.shape[1])
    matrix = np.linalg.solve(power, x.T @ y).T
    print(f"{1 - np.mean((y - x @ matrix.T) ** 2) / np.mean(y**2):.3f} of the variance is kept")
    return matrix, y_mean - matrix @ x_mean


def fold(weights: dict, matrix: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of `cond_proj` with a linear map of its input multiplied in.

    The left half of `matrix` is for frame t, the right half for frame t - 1.
    """
    weight, bias = weights["cond_proj.weight"], weights["cond_proj.bias"]  # [bins, bands, taps]
    now, before = np.split(matrix, 2, axis=1)
    taken = np.einsum("fbk,bn->fnk", weight, now)
    earlier = np.einsum("fbk,bn->fnk", weight, before)
    taken[..., :-1] += earlier[..., 1:]
    # The map needs one frame further back than the taps reach. The oldest tap takes its place.
    taken[..., 0] += earlier[..., 0]
    return taken, bias + weight.sum(-1) @ offset


def main() -> int:
    """Write start.safetensors into the prepared folder. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "model", type=Path, help="a trained model with the generator of config.yaml"
    )
    parser.add_argument("data", type=Path, help="prepared folder")
    arguments = parser.parse_args()

    def write() -> None:
        config = load_config(
            Path(__file__).with_name("config.yaml"), [f"data.path={arguments.data}"]
        )
        save_model(
            arguments.data / "start.safetensors", start(arguments.model, config), overwrite=False
        )

    return exit_code(write)


if __name__ == "__main__":
    sys.exit(main())
