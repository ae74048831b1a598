"""`wavehax features`: write mel and F0 files of recordings."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

import numpy as np

import wavehax
from wavehax.cli import mel as mels
from wavehax.cli import shared
from wavehax.cli.types import Commands
from wavehax.config import FeatureConfig
from wavehax.errors import UsageError, say
from wavehax.files.sound import audio_size, read_audio
from wavehax.mel.features import frame_count, log_mel
from wavehax.vocoder import Vocoder

DESCRIPTION = """Write mel [n_mels, T] and f0 [T] of recordings to .npz files, as vocode reads
them. Where the extra [f0] is not installed, they hold the mel alone."""


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "features", help="recordings to mel and F0 files", description=DESCRIPTION
    )
    command.add_argument("inputs", nargs="+", metavar="SOUND", help="sound files or patterns")
    command.add_argument(
        "-o", "--output", required=True, help="an .npz file, or a folder for several"
    )
    definition = command.add_mutually_exclusive_group()
    mels.add_definition(definition, "--features", "definition of the mel; by default the model's")
    definition.add_argument("--model", metavar="MODEL", help="model whose mel is wanted")
    shared.add_f0_search(command)
    shared.add_batch(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from wavehax.files import batch

    voc, features = None, arguments.features
    if features is None or arguments.f0_method == "refined":
        voc = wavehax.load(arguments.model)
        features = features or voc.features
        if voc.features != features:
            raise UsageError(
                f"--f0-method refined: needs a model of the mel {features.name}; name it with"
                " --model in place of --features"
            )
    inputs = batch.expand(arguments.inputs)
    existing = {"force": arguments.force, "resume": arguments.resume}
    pairs = batch.pairs(inputs, arguments.output, ".npz", **existing)
    return batch.run(
        functools.partial(features_file, features, voc, arguments), pairs, arguments.jobs
    )


def features_file(
    features: FeatureConfig,
    voc: Vocoder | None,
    arguments: argparse.Namespace,
    path: Path,
    output: Path,
) -> None:
    """Write the mel and F0 of one sound file to an .npz."""
    mels.check_output(output, arguments.force)
    audio, _ = read_audio(path, features.sample_rate)
    _check_length(path, audio, features)
    mel, f0 = log_mel(audio, features), None
    try:
        f0 = shared.measured_f0(audio, mel, features, arguments, voc)
    except ModuleNotFoundError as error:
        say(f"{path}: mel without f0: {error}")
    mels.write(output, mel, f0, arguments.force)


def _check_length(path: Path, audio: np.ndarray, features: FeatureConfig) -> None:
    """Raise ValueError for a recording without a frame; it counts the samples of the file."""
    if frame_count(len(audio), features) == 0:
        samples, rate = audio_size(path)
        least = (features.hop_length - 1) * rate // features.sample_rate + 1
        raise ValueError(
            f"{path}: its length is {samples} at {rate} Hz: expected at least {least} samples,"
            f" a frame of the mel {features.name!r}"
        )
