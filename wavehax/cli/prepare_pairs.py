"""`wavehax prepare-pairs`: an acoustic model's mels and their recordings to arrays for training."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import wavehax
from wavehax.cli import mel as mels
from wavehax.cli import shared, types
from wavehax.cli.types import Commands
from wavehax.data.given import MOST_DIFFERENCE
from wavehax.mel.pitch import RECORDING_METHODS

DESCRIPTION = """Write a prepared folder of mels that an acoustic model emitted and the recordings
of the same names, to fine-tune a vocoder on (recipes/finetune-gta). The acoustic model must have
been given the recordings' own durations. F0 is measured on the recordings. Every twentieth pair is
held out. A preparation that was stopped is taken up. Needs the extra [f0]."""


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "prepare-pairs", help="mels and recordings to training data", description=DESCRIPTION
    )
    command.add_argument("mels", type=Path, metavar="MELS", help="folder of mel files")
    command.add_argument(
        "waves", type=Path, metavar="WAVES", help="folder of sound files with the same names"
    )
    command.add_argument("out", type=Path, metavar="OUT", help="prepared folder")
    definition = command.add_mutually_exclusive_group()
    mels.add_definition(definition, "--features", "definition of the mels; by default the model's")
    definition.add_argument("--model", metavar="MODEL", help="model that takes such mels")
    command.add_argument(
        "--most-difference",
        type=types.frames,
        default=MOST_DIFFERENCE,
        metavar="FRAMES",
        help="most frames by which a mel may be longer or shorter than its recording (default"
        f" {MOST_DIFFERENCE})",
    )
    shared.add_f0_search(command, RECORDING_METHODS)
    command.add_argument(
        "--jobs", type=types.count, default=os.cpu_count(), help="processes; by default one a core"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from wavehax.data.pairs import prepare_pairs

    features = arguments.features or wavehax.load(arguments.model).features
    prepare_pairs(
        arguments.mels,
        arguments.waves,
        arguments.out,
        features,
        arguments.jobs,
        arguments.most_difference,
        (arguments.f0_min, arguments.f0_max),
        arguments.f0_method,
    )
    return 0
