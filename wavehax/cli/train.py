"""`wavehax train`: train a model, or resume a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from wavehax.cli import shared
from wavehax.cli.types import Commands


def add(commands: Commands) -> None:
    description = "Train a generator, or resume the run in its run_dir."
    command = commands.add_parser("train", help="train a model", description=description)
    command.add_argument("config", type=Path, help="YAML file")
    help_text = "replace a value of the config, such as data.batch_size=8"
    command.add_argument("overrides", nargs="*", metavar="key=value", help=help_text)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from wavehax import train

    with shared.needing("train", "training"):
        train.run(arguments.config, *arguments.overrides)
    return 0
