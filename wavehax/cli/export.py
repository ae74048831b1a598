"""`wavehax export`: a model for another runtime."""

from __future__ import annotations

import argparse
from pathlib import Path

from wavehax.cli import shared, types
from wavehax.cli.types import Commands
from wavehax.models.locate import model_path

DESCRIPTION = """Write a model as one ONNX graph, from mel, F0 and noise to the waveform, of whole
utterances or, with --streaming, of frames as they come. Needs the extra [onnx]; the file appears
only when ONNX Runtime computes from it what the engine does."""


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "export", help="model for another runtime", description=DESCRIPTION
    )
    command.add_argument("format", choices=["onnx"], help="onnx: for ONNX Runtime and others")
    command.add_argument("model", nargs="?", metavar="MODEL", help=shared.MODEL_HELP)
    command.add_argument("-o", "--output", type=Path, required=True, help="file, .onnx")
    command.add_argument(
        "--streaming",
        action="store_true",
        help="frames as they come, the state as inputs and outputs",
    )
    command.add_argument(
        "--f0",
        choices=[types.F0_FROM_MEL],
        help="mel: the graph predicts F0; without, F0 is one of its inputs",
    )
    command.add_argument("--force", action="store_true", help="replace an output that exists")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    try:
        from wavehax.export.onnx import export_onnx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"export needs {error.name}: pip install 'wavehax[onnx]'"
        ) from error
    options = {
        "streaming": arguments.streaming,
        "f0_from_mel": arguments.f0 is not None,
        "force": arguments.force,
    }
    export_onnx(model_path(arguments.model), arguments.output, **options)
    return 0
