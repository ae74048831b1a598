"""`wavehax package`: make a model file from a training run."""

from __future__ import annotations

import argparse
from pathlib import Path

from wavehax.cli import shared, types
from wavehax.cli.types import Commands
from wavehax.models.locate import model_path

DESCRIPTION = """Make a model file from the newest checkpoint of a run of wavehax train. It holds
the averaged weights, and for its users the contents of the YAML file --card. Needs the extra
[train], and the prepared folder that the config names, on which batch-norm statistics are measured.
The file appears only when the engine computes from it what PyTorch does."""


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "package", help="model file from training", description=DESCRIPTION
    )
    command.add_argument(
        "run_dir", type=Path, metavar="RUN", help="folder of a run, or of one of its checkpoints"
    )
    command.add_argument(
        "--last",
        type=types.count,
        metavar="N",
        help="take the mean of the newest N checkpoints of RUN, of which keep_checkpoints in the"
        " config keeps as many as it says",
    )
    command.add_argument(
        "--f0", metavar="MODEL", help="model whose predictor of F0 is put into the file too"
    )
    shared.add_card(command)
    shared.add_model_output(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with shared.needing("train", "packaging"):
        from wavehax.train import export
        from wavehax.train.state import checkpoint_of, last_checkpoints
    card = shared.read_fields(arguments.card, {"training": "is taken from the checkpoint"})
    run_dir, last = arguments.run_dir, arguments.last
    checkpoints = last_checkpoints(run_dir, last) if last else [checkpoint_of(run_dir)]
    f0_from = model_path(arguments.f0) if arguments.f0 else None
    export.export(checkpoints, arguments.output, card, f0_from=f0_from, force=arguments.force)
    return 0
