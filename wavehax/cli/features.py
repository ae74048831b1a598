"""`wavehax features`: recordings to mel and F0 files."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

import numpy as np

import wavehax
from wavehax.cli import shared
from wavehax.cli.types import Commands
from wavehax.config import FEATURES, FeatureConfig
from wavehax.errors import say
from wavehax.files import batch
from wavehax.files.outputs import refuse_existing, replacing
from wavehax.files.sound import read_audio
from wavehax.mel.features import f0_from_audio, log_mel

DESCRIPTION = """Write mel [n_mels, T] and f0 [T] of recordings to .npz files, as vocode reads
them; mel alone where the extra [f0] is not installed."""


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "features", help="recordings to mel and F0 files", description=DESCRIPTION
    )
    command.add_argument("inputs", nargs="+", metavar="SOUND", help="sound files or patterns")
    command.add_argument(
        "-o", "--output", required=True, help="an .npz file, or a folder for several"
    )
    definition = command.add_mutually_exclusive_group()
    definition.add_argument(
        "--features", choices=FEATURES, help="definition of the mel; by default the model's"
    )
    definition.add_argument("--model", metavar="MODEL", help="model whose mel is wanted")
    shared.add_batch(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    features = (
        FEATURES[arguments.features]
        if arguments.features
        else wavehax.load(arguments.model).features
    )
    inputs = batch.expand(arguments.inputs)
    pairs = list(zip(inputs, batch.output_paths(inputs, arguments.output, ".npz"), strict=True))
    return batch.run(functools.partial(features_file, features, arguments), pairs, arguments.jobs)


def features_file(
    features: FeatureConfig, arguments: argparse.Namespace, path: Path, output: Path
) -> None:
    """Sound file to .npz of mel and f0."""
    if output.suffix.lower() != ".npz":
        raise ValueError(f"{output}: unknown file type {output.suffix!r}; expected .npz")
    refuse_existing(output, arguments.force)
    audio, _ = read_audio(path, features.sample_rate)
    arrays = {"mel": log_mel(audio, features)}
    try:
        arrays["f0"] = f0_from_audio(audio, features)
    except ModuleNotFoundError as error:
        say(f"{path}: mel without f0: {error}")
    with replacing(output, overwrite=arguments.force) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
