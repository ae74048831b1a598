"""`wavehax export`: a model for another runtime."""

from __future__ import annotations

import argparse
from pathlib import Path

from wavehax.cli import shared, types
from wavehax.cli.types import Commands
from wavehax.models.locate import model_path

DESCRIPTION = """Write a model as one ONNX graph, from mel, F0 and noise to the waveform. It takes
whole utterances or, with --streaming, frames as they come. With --for it takes what another program
gives a vocoder. Needs the extra [onnx]. The file appears only when ONNX Runtime computes from it
what the engine does."""


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "export", help="model for another runtime", description=DESCRIPTION
    )
    command.add_argument("format", choices=["onnx"], help="onnx: for ONNX Runtime and others")
    command.add_argument("model", nargs="?", metavar="MODEL", help=shared.MODEL_HELP)
    command.add_argument("-o", "--output", type=Path, required=True, help="file, .onnx or .oudep")
    form = command.add_mutually_exclusive_group()
    form.add_argument(
        "--for",
        dest="host",
        choices=["sherpa", "openutau"],
        help="sherpa: a vocoder for sherpa-onnx, .onnx; openutau: one for OpenUtau, .oudep",
    )
    form.add_argument(
        "--streaming",
        action="store_true",
        help="take frames as they come, with the state as inputs and outputs",
    )
    command.add_argument(
        "--f0",
        choices=[types.F0_FROM_MEL],
        help="mel: the graph predicts F0; without, F0 is one of its inputs",
    )
    shared.add_force(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with shared.needing("onnx", "export"):
        from wavehax.export.onnx import export_onnx
    options = {
        "streaming": arguments.streaming,
        "f0_from_mel": arguments.f0 is not None,
        "host": arguments.host,
        "force": arguments.force,
    }
    export_onnx(model_path(arguments.model), arguments.output, **options)
    return 0
