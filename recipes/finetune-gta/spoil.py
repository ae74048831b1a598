"""Mels spoiled as an acoustic model spoils them, to try the recipe without such a model.

python recipes/finetune-gta/spoil.py MELS SPOILED

MELS holds .npz files of `wavehax features`. SPOILED gets a file of the same name for each, with the
same F0. A model that is trained with an L1 or L2 loss emits means of logarithms: its mels are
smooth over time and bands. Its bands lie too high or too low, each always by the same amount. What
it says comes a little early or late.
"""

import argparse
import sys
import zlib
from pathlib import Path

import numpy as np

from wavehax.data.corpus import find
from wavehax.errors import exit_code
from wavehax.files.outputs import replacing

SMOOTH_FRAMES, SMOOTH_BANDS = 1.0, 0.7  # standard deviations of the two smoothings
BIAS_DB, BIAS_BANDS = 3.0, 3.0  # standard deviation of a band's bias; it varies over so many bands
JITTER_FRAMES, JITTER_SMOOTH = 0.5, 8.0  # standard deviation of the jitter, and its smoothing


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("mels", type=Path, help="folder of .npz files of `wavehax features`")
    parser.add_argument("spoiled", type=Path, help="folder for the spoiled ones; made if need be")
    parser.add_argument("--seed", type=int, default=0, help="decides all that is random")
    arguments = parser.parse_args(argv)
    return exit_code(lambda: spoil_folder(arguments.mels, arguments.spoiled, arguments.seed))


def spoil_folder(mels: Path, spoiled: Path, seed: int) -> None:
    """Write SPOILED/NAME.npz for each MELS/NAME.npz, at any depth."""
    for path in find(mels, "**/*.npz"):
        name = path.relative_to(mels)
        with np.load(path) as arrays:
            contents = dict(arrays)
        contents["mel"] = spoil(contents["mel"], seed, zlib.crc32(name.as_posix().encode()))
        (spoiled / name).parent.mkdir(parents=True, exist_ok=True)
        with replacing(spoiled / name) as temporary, open(temporary, "wb") as file:
            np.savez(file, **contents)


def spoil(mel: np.ndarray, seed: int, utterance: int) -> np.ndarray:
    """A log-mel as an acoustic model might have emitted it.

    Args:
        mel: [n_mels, T], natural logarithms.
        seed: of the pretended model, which decides the bias of each band.
        utterance: with the seed, decides the jitter.

    Returns:
        float32 [n_mels, T].
    """
    n_mels, frames = mel.shape
    noise = np.random.default_rng((seed, utterance)).standard_normal(frames)
    times = np.arange(frames) + JITTER_FRAMES * _standardised(noise, JITTER_SMOOTH)
    jittered = np.stack([np.interp(times, np.arange(frames), band) for band in mel])
    smooth = _smoothed(_smoothed(jittered, SMOOTH_FRAMES).T, SMOOTH_BANDS).T
    return (smooth + bias(n_mels, seed)[:, None]).astype(np.float32)


def bias(n_mels: int, seed: int) -> np.ndarray:
    """How much too high each band lies, in nepers, float64 [n_mels]."""
    noise = np.random.default_rng(seed).standard_normal(n_mels)
    return BIAS_DB * np.log(10) / 20 * _standardised(noise, BIAS_BANDS)


def _standardised(noise: np.ndarray, width: float) -> np.ndarray:
    """White noise [N], smoothed and again of unit variance."""
    return _smoothed(noise, width) / np.sqrt(np.square(_kernel(width)).sum())


def _smoothed(values: np.ndarray, width: float) -> np.ndarray:
    """Smooth [..., N] over its last axis; beyond its ends, the outermost values are held."""
    kernel = _kernel(width)
    ends = [(0, 0)] * (values.ndim - 1) + [(len(kernel) // 2, len(kernel) // 2)]
    padded = np.pad(values, ends, mode="edge")
    return np.apply_along_axis(np.convolve, -1, padded, kernel, "valid")


def _kernel(width: float) -> np.ndarray:
    """A Gaussian of standard deviation `width`, and of sum 1."""
    reach = np.arange(-int(np.ceil(3 * width)), int(np.ceil(3 * width)) + 1)
    kernel = np.exp(-0.5 * np.square(reach / width))
    return kernel / kernel.sum()


if __name__ == "__main__":
    sys.exit(main())
