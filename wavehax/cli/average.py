"""`wavehax average`: a model between models."""

from __future__ import annotations

import argparse
from pathlib import Path

from wavehax.cli import shared
from wavehax.cli.types import Commands
from wavehax.errors import UsageError

DESCRIPTION = """Make a model file whose weights are the weighted mean of the weights of several
models. These must have the same shape, mel and normalisation; one should be trained from the other.
Statistics of batch norms are averaged too, or measured on the folder --data if it is given. The
predictor of F0 is that of the first model that has one. The file appears only when the engine can
run it and, where PyTorch is installed, computes from it what PyTorch does."""


def add(commands: Commands) -> None:
    command = commands.add_parser("average", help="model between models", description=DESCRIPTION)
    command.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="two or more model files, folders, or names of shipped models",
    )
    help_text = "weight of each model in the order given, 0 to 1; their sum is 1"
    command.add_argument(
        "--weights", type=float, nargs="+", required=True, metavar="W", help=help_text
    )
    help_text = "prepared folder on which batch norms are measured; needs the extra [train]"
    command.add_argument("--data", type=Path, metavar="FOLDER", help=help_text)
    shared.add_card(command)
    shared.add_model_output(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from wavehax.train.average import average, check_weights

    try:
        check_weights(arguments.weights, len(arguments.models))
    except ValueError as error:
        raise UsageError(str(error)) from error
    card = shared.read_fields(arguments.card, {"average": "is the models and their weights"})
    options = {"data": arguments.data, "card": card, "force": arguments.force}
    average(arguments.models, arguments.weights, arguments.output, **options)
    return 0
