"""`wavehax evaluate`: its arguments, and what it does with them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import wavehax
from wavehax import arguments as types
from wavehax.arguments import Parser
from wavehax.batch import UsageError
from wavehax.errors import optional_module
from wavehax.evaluate import aliasing_command, f0_command, summary
from wavehax.evaluate.items import SPLITS, Item, folder_items, manifest_items
from wavehax.evaluate.outputs import check_outputs, output_paths
from wavehax.evaluate.report import write_report
from wavehax.evaluate.scoring import score_all
from wavehax.evaluate.synthesis import FilePair, ModelSynthesis, Synthesis, WorldSynthesis
from wavehax.locate import DEFAULT_MODEL
from wavehax.vocoder import PRECISIONS

DESCRIPTION = """Score what a vocoder makes: files of GENERATED_DIR against the recordings of the
same names in NATURAL_DIR, or what a model makes of the recordings that a manifest names; see also
wavehax evaluate aliasing --help and wavehax evaluate f0 --help. Needs the extras [f0,eval]; with
[mos] it also predicts naturalness."""
WORST = 5  # files listed per group
_NEEDED = {"pesq": "eval", "pystoi": "eval", "scipy": "eval", "pyworld": "f0"}


def main(argv: Sequence[str]) -> int:
    """Run `wavehax evaluate ARGV`; the exit code is 1 where a file failed.

    Raises:
        UsageError: the arguments do not go together.
        ValueError, OSError: an input or output is not as expected.
    """
    if argv[:1] == ["aliasing"]:
        return aliasing_command.main(argv[1:])
    if argv[:1] == ["f0"]:
        return f0_command.main(argv[1:])
    arguments = _parser().parse_args(argv)
    outputs = output_paths(arguments.output)
    items, synthesis, source = _task(arguments)
    check_outputs(outputs, arguments.force)
    for module, extra in _NEEDED.items():  # said once, before any file is read
        optional_module(module, "evaluation", f"wavehax[{extra}]")
    if isinstance(synthesis, ModelSynthesis):
        synthesis.check()
    scores, failed = score_all(items, synthesis, arguments.jobs)
    if scores:
        print(source)
        print(summary.table(scores, WORST))
        for path in outputs:
            if path.suffix == ".json":
                summary.write_json(path, source, scores, arguments.force)
            else:
                write_report(path, source, scores, items, synthesis, arguments.force)
    return 1 if failed else 0


def _parser() -> Parser:
    parser = Parser(prog="wavehax evaluate", description=DESCRIPTION)
    parser.add_argument(
        "folders", nargs="*", type=Path, metavar="DIR", help="NATURAL_DIR GENERATED_DIR"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="MANIFEST",
        help="table (.tsv) with columns file, split, speaker",
    )
    parser.add_argument(
        "--splits", nargs="+", metavar="SPLIT", help=f"of the manifest (default {' '.join(SPLITS)})"
    )
    maker = parser.add_mutually_exclusive_group()
    maker.add_argument(
        "--model", metavar="MODEL", help="model file, or name of a shipped one (default: vocos-24k)"
    )
    maker.add_argument(
        "--world", action="store_true", help="WORLD analysis and synthesis in place of a model"
    )
    help_text = "F0 that the model predicts from the mel, in place of Harvest's"
    parser.add_argument("--f0", choices=[types.F0_FROM_MEL], help=help_text)
    parser.add_argument(
        "--precision", choices=["auto", *PRECISIONS], help="of the model (default fp32)"
    )
    parser.add_argument(
        "--f0-scale",
        type=types.positive,
        metavar="X",
        help="multiply F0; then pitch and voicing alone are scored",
    )
    help_text = (
        "samples between the frames of the vocoder that made GENERATED_DIR (default: as long as"
        " 256 at 24 kHz)"
    )
    parser.add_argument("--hop-length", type=types.count, metavar="N", help=help_text)
    parser.add_argument(
        "--jobs", type=types.count, default=1, help="files worked on at once (default 1)"
    )
    types.add_report(parser)
    return parser


def _task(arguments: argparse.Namespace) -> tuple[list[Item], Synthesis, str]:
    """What to score, how it is made, and that in words."""
    if arguments.data is None:
        return _folder_task(arguments)
    if arguments.folders:
        raise UsageError(f"{arguments.folders[0]}: expected no folders with --data")
    for option in ("f0", "precision"):
        if arguments.world and getattr(arguments, option):
            raise UsageError(
                f"--{option} {getattr(arguments, option)}: needs a model, and WORLD is none"
            )
    if arguments.hop_length:
        raise UsageError(f"--hop-length {arguments.hop_length}: expected two folders, not --data")
    items = manifest_items(arguments.data, arguments.splits or SPLITS)
    scale = arguments.f0_scale or 1.0
    name = "WORLD" if arguments.world else str(arguments.model or DEFAULT_MODEL)
    name += ", F0 predicted" if arguments.f0 else ""
    precision = arguments.precision or "fp32"
    if precision == "auto":
        precision = wavehax.load(arguments.model, precision="auto").precision
    name += f", {precision}" if arguments.precision else ""
    model = ModelSynthesis(arguments.model, scale, arguments.f0 == types.F0_FROM_MEL, precision)
    synthesis = WorldSynthesis(scale) if arguments.world else model
    return items, synthesis, name if scale == 1 else f"{name}, F0 times {scale:g}"


def _folder_task(arguments: argparse.Namespace) -> tuple[list[Item], Synthesis, str]:
    if len(arguments.folders) != 2:
        raise UsageError(
            f"{len(arguments.folders)} folders: expected NATURAL_DIR and GENERATED_DIR, or --data"
            " MANIFEST"
        )
    for option in ("model", "world", "f0", "precision", "f0_scale", "splits"):
        if getattr(arguments, option):
            raise UsageError(f"--{option.replace('_', '-')} needs --data MANIFEST")
    natural, generated = arguments.folders
    return (
        folder_items(natural, generated),
        FilePair(arguments.hop_length),
        f"{generated} against {natural}",
    )
