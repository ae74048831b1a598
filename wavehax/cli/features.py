"""`wavehax features`: write mel and F0 files of recordings."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

import numpy as np

import wavehax
from wavehax.cli import mel as mels
from wavehax.cli import shared
from wavehax.cli.types import Commands
from wavehax.config import FeatureConfig
from wavehax.errors import say
from wavehax.files.outputs import refuse_existing, replacing
from wavehax.files.sound import read_audio
from wavehax.mel.features import f0_from_audio, log_mel

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
    shared.add_batch(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from wavehax.files import batch

    features = arguments.features or wavehax.load(arguments.model).features
    inputs = batch.expand(arguments.inputs)
    existing = {"force": arguments.force, "resume": arguments.resume}
    pairs = batch.pairs(inputs, arguments.output, ".npz", **existing)
    return batch.run(functools.partial(features_file, features, arguments), pairs, arguments.jobs)


def features_file(
    features: FeatureConfig, arguments: argparse.Namespace, path: Path, output: Path
) -> None:
    """Write the mel and F0 of one sound file to an .npz."""
    if output.suffix.lower() != ".npz":
        raise ValueError(f"{output}: unknown file type {output.suffix!r}; expected .npz")
    refuse_existing(output, arguments.force)
    audio, _ = read_audio(path, features.sample_rate)
    # Any, because numpy's types also give savez a keyword argument that is a flag.
    arrays: dict[str, Any] = {"mel": log_mel(audio, features)}
    try:
        arrays["f0"] = f0_from_audio(audio, features)
    except ModuleNotFoundError as error:
        say(f"{path}: mel without f0: {error}")
    with replacing(output, overwrite=arguments.force) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
