"""`wavehax train-f0`: make a model predict F0 from the mel."""

from __future__ import annotations

import argparse
from pathlib import Path

from wavehax.cli import shared, types
from wavehax.cli.types import Commands
from wavehax.models.locate import model_path

DESCRIPTION = """Train a predictor of F0 from the mel on a prepared folder. Write a model file with
it and the generator of MODEL, for which a mel is then enough. Needs the extra [train]. The file
appears only when the engine predicts from it what PyTorch does."""


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "train-f0", help="make a model predict F0 from the mel", description=DESCRIPTION
    )
    command.add_argument("data", type=Path, metavar="DATA", help="prepared folder")
    command.add_argument("--model", metavar="MODEL", help=shared.MODEL_HELP)
    shared.add_model_output(command)
    command.add_argument(
        "--steps", type=types.count, default=3000, help="steps of training (default 3000)"
    )
    command.add_argument(
        "--seed", type=types.seed, default=0, help="seed of first weights and segments (default 0)"
    )
    command.add_argument(
        "--threads", type=types.count, default=1, help="threads of PyTorch (default 1)"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with shared.needing("train", "training"):
        from wavehax.train import f0
    options = {name: getattr(arguments, name) for name in ("steps", "seed", "threads", "force")}
    f0.add_predictor(model_path(arguments.model), arguments.data, arguments.output, **options)
    return 0
