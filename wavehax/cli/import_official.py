"""`wavehax import-official`: a model file from a checkpoint of the authors."""

from __future__ import annotations

import argparse
from pathlib import Path

from wavehax.cli import shared
from wavehax.cli.types import Commands
from wavehax.config import FEATURES
from wavehax.errors import ModelError, report

DESCRIPTION = """Make a model file from a checkpoint of the authors' implementation. The checkpoint
is read with weights_only=True, so that nothing in it is executed. Needs the extra [train]."""


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "import-official",
        help="model file from a checkpoint of the authors",
        description=DESCRIPTION,
    )
    command.add_argument(
        "checkpoint",
        type=Path,
        metavar="CHECKPOINT",
        help="checkpoint-*steps.pkl of the authors' training",
    )
    command.add_argument(
        "--config",
        type=Path,
        required=True,
        help="YAML of the generator (or of the whole training)",
    )
    command.add_argument(
        "--stats",
        type=Path,
        help=".npz with mean and scale [n_mels], which normalise the mel as (mel - mean) / scale;"
        " without, the model takes a mel that is normalised already",
    )
    command.add_argument(
        "--features", help=f"definition of the mel: {', '.join(FEATURES)}, or a YAML file"
    )
    shared.add_model_output(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from wavehax.checkpoint import save_model
    from wavehax.files.outputs import refuse_existing
    from wavehax.official.convert import import_official

    refuse_existing(arguments.output, arguments.force)
    try:
        model = import_official(
            arguments.checkpoint, arguments.config, arguments.stats, arguments.features
        )
    except ModelError as error:
        report(error, str(arguments.checkpoint))
        return 1
    save_model(arguments.output, model, overwrite=arguments.force)
    return 0
