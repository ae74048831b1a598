"""`wavehax convert`: mel files of one definition to those of another."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

import wavehax
from wavehax.checks import checked_f0, fitted_f0
from wavehax.cli import mel as mels
from wavehax.cli import shared
from wavehax.cli.types import Commands
from wavehax.config import FeatureConfig
from wavehax.mel.contour import f0_of_frames
from wavehax.mel.convert import check_convertible, convert, convert_f0
from wavehax.mel.files import read_mel

DESCRIPTION = """Convert mels of one definition to another, with their F0 where they have it, which
becomes Hz and 0 where unvoiced. Where
only the writing differs (logarithm, normalisation), nothing is lost. Otherwise the result is near;
docs/mels.md says how near. What would have to be guessed is refused."""


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "convert", help="mel files of one definition to another", description=DESCRIPTION
    )
    command.add_argument(
        "inputs", nargs="+", metavar="MEL", help=".npy, .npz, .h5 or .pt files, or patterns"
    )
    command.add_argument(
        "-o", "--output", required=True, help="an .npz file, or a folder for several"
    )
    mels.add_definition(command, "--from", "definition of the files", dest="source", required=True)
    target = command.add_mutually_exclusive_group()
    mels.add_definition(target, "--to", "definition wanted; by default the model's", dest="target")
    target.add_argument("--model", metavar="MODEL", help="model whose mel is wanted")
    mels.add_writing(command)
    shared.add_f0_writing(command)
    shared.add_force_definition(command)
    shared.add_batch(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from wavehax.files import batch

    source = mels.given_definition(arguments.source, arguments)
    target = arguments.target or wavehax.load(arguments.model).features
    if not source.same_bands(target):
        check_convertible(source, target)
    inputs = batch.expand(arguments.inputs)
    existing = {"force": arguments.force, "resume": arguments.resume}
    pairs = batch.pairs(inputs, arguments.output, ".npz", **existing)
    work = functools.partial(convert_file, source, target, arguments)
    return batch.run(work, pairs, arguments.jobs)


def convert_file(
    source: FeatureConfig,
    target: FeatureConfig,
    arguments: argparse.Namespace,
    path: Path,
    output: Path,
) -> None:
    """Convert one mel file to an .npz."""
    mels.check_output(output, arguments.force)
    mel, f0 = read_mel(path, source.n_mels)
    frames = mel.shape[-1]
    converted = convert(mel, source, target, force_definition=arguments.force_definition)
    if f0 is not None:
        f0 = f0_of_frames(f0, frames, source, **shared.f0_writing(arguments))
        f0 = checked_f0(fitted_f0(f0, frames), frames)
        f0 = f0 if source.same_bands(target) else convert_f0(f0, source, target)
    mels.write(output, converted, f0, arguments.force)
