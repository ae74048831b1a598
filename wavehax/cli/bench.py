"""`wavehax bench`: speed on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

import wavehax
from wavehax.cli import types
from wavehax.cli.types import Commands
from wavehax.config import GENERATORS
from wavehax.models.locate import DEFAULT_MODEL
from wavehax.vocoder import PRECISIONS


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "bench", help="speed on this machine", description="Time models, interleaved."
    )
    shapes = ", ".join(GENERATORS)
    command.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help=f"model files or names, or shapes: {shapes} (default: all of them)",
    )
    isas, precisions = ["auto", *wavehax.available_isas()], ["auto", *PRECISIONS]
    command.add_argument(
        "--isa", choices=isas, action="append", help="instruction set; may be repeated"
    )
    command.add_argument(
        "--precision",
        choices=precisions,
        action="append",
        help="may be repeated (default: every one that there is)",
    )
    command.add_argument(
        "--threads",
        type=types.count,
        nargs="+",
        default=[1],
        metavar="N",
        help="for one whole utterance (default 1)",
    )
    chunks = [1, 2, 4, 8, 16, 64]
    command.add_argument(
        "--stream",
        type=types.count,
        nargs="*",
        default=chunks,
        metavar="FRAMES",
        help="chunk sizes (default 1 2 4 8 16 64)",
    )
    command.add_argument(
        "--voices",
        type=types.count,
        nargs="+",
        default=[],
        metavar="N",
        help="streams of single frames on one thread",
    )
    command.add_argument(
        "--seconds", type=types.positive, default=5.0, help="of sound to synthesise (default 5)"
    )
    command.add_argument("--repeats", type=types.count, default=7, help="rounds (default 7)")
    command.add_argument(
        "--peers",
        action="store_true",
        help="also PyTorch, ONNX Runtime and other vocoders; needs [bench]",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here too")
    command.add_argument("--force", action="store_true", help="replace FILE if it exists")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from wavehax.bench import cases as bench
    from wavehax.errors import optional_module
    from wavehax.files.outputs import refuse_existing
    from wavehax.vocoder import Vocoder

    if arguments.json:
        refuse_existing(arguments.json, arguments.force)
    if arguments.peers:
        optional_module("torch", "the comparison with PyTorch", "wavehax[bench]")
        from wavehax.bench import peers as bench_peers
    cases, vocoders = [], []
    for name in arguments.models or [DEFAULT_MODEL, *GENERATORS]:
        model = bench.named_model(name)
        for isa in arguments.isa or ["auto"]:
            for precision in arguments.precision or wavehax.available_precisions(isa):
                voc = Vocoder(model, isa=isa, precision=precision)
                vocoders.append((name, voc))
                cases += bench.model_cases(
                    name,
                    voc,
                    arguments.stream,
                    arguments.threads,
                    arguments.seconds,
                    arguments.voices,
                )
        cases += bench_peers.model_peers(name, model, arguments.seconds) if arguments.peers else []
    cases += bench_peers.other_vocoders(arguments.seconds) if arguments.peers else []
    rows = bench.measure(cases, arguments.repeats)
    profiles = [
        bench.stages(name, voc, arguments.repeats, arguments.seconds) for name, voc in vocoders
    ]
    print(
        f"{bench.processor_name()}, {arguments.seconds:g} s of sound, median of {arguments.repeats}"
    )
    print(bench.table(rows, profiles))
    if arguments.json:
        bench.write_json(arguments.json, rows, profiles, arguments.force)
    return 0
