"""`wavehax evaluate`: score the output of a vocoder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import wavehax
from wavehax.cli import evaluate_aliasing, evaluate_f0, shared, types
from wavehax.cli.types import Commands
from wavehax.errors import UsageError, optional_module
from wavehax.evaluate import SPLITS
from wavehax.mel.pitch import RECORDING_METHODS
from wavehax.models.locate import DEFAULT_MODEL
from wavehax.vocoder import PRECISIONS

if TYPE_CHECKING:
    from wavehax.evaluate.items import Item
    from wavehax.evaluate.synthesis import Synthesis

DESCRIPTION = """Score the output of a vocoder against recordings: either the files of GENERATED_DIR
against those of the same names in NATURAL_DIR, or a model on the recordings that a manifest names.
See also wavehax evaluate aliasing --help and wavehax evaluate f0 --help. Needs the extras
[f0,eval]; with [mos] it also predicts naturalness."""
WORST = 5  # files that are listed for each group
_NEEDED = {"pesq": "eval", "pystoi": "eval", "scipy": "eval", "pyworld": "f0"}


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "evaluate", help="score the output of a vocoder", description=DESCRIPTION
    )
    command.add_argument(
        "folders", nargs="*", type=Path, metavar="DIR", help="NATURAL_DIR GENERATED_DIR"
    )
    command.add_argument(
        "--data",
        type=Path,
        metavar="MANIFEST",
        help="table (.tsv) with columns file, split, speaker",
    )
    command.add_argument(
        "--splits",
        nargs="+",
        metavar="SPLIT",
        help=f"splits of the manifest (default: {' '.join(SPLITS)}, where there)",
    )
    shared.add_speeds(command)
    maker = command.add_mutually_exclusive_group()
    maker.add_argument(
        "--model", metavar="MODEL", help="model file, or name of a shipped one (default: vocos-24k)"
    )
    maker.add_argument(
        "--world", action="store_true", help="use WORLD analysis and synthesis, not a model"
    )
    help_text = "mel: the model predicts F0 from the mel; without, Harvest measures it"
    command.add_argument("--f0", choices=[types.F0_FROM_MEL], help=help_text)
    command.add_argument(
        "--precision", choices=["auto", *PRECISIONS], help="precision of the model (default fp32)"
    )
    command.add_argument(
        "--f0-scale",
        type=types.positive,
        metavar="X",
        help="multiply F0 by X; then only pitch and voicing are scored",
    )
    shared.add_f0_search(command, RECORDING_METHODS, given=True)
    help_text = (
        "samples between the frames of the vocoder that made GENERATED_DIR (default: 10.7 ms, which"
        " is 256 at 24 kHz)"
    )
    command.add_argument("--hop-length", type=types.count, metavar="N", help=help_text)
    command.add_argument(
        "--jobs", type=types.count, default=1, help="files worked on at once (default 1)"
    )
    shared.add_report(command)
    command.set_defaults(run=run)
    evaluate_aliasing.add(command)
    evaluate_f0.add(command)


def run(arguments: argparse.Namespace) -> int:
    """Score all recordings, and print and write the scores.

    Returns:
        the exit code, 1 if a file failed and otherwise 0.

    Raises:
        UsageError: the arguments do not go together.
        ValueError, OSError: an input or output is not as expected.
    """
    from wavehax.evaluate import summary
    from wavehax.evaluate.octaves import octave_summary, octave_table
    from wavehax.evaluate.outputs import check_outputs, output_paths
    from wavehax.evaluate.report import write_report
    from wavehax.evaluate.scoring import score_all
    from wavehax.evaluate.synthesis import ModelSynthesis

    outputs = output_paths(arguments.output)
    items, synthesis, source = _task(arguments)
    items = [shared.searched(item, arguments) for item in items]
    check_outputs(outputs, arguments.force)
    for module, extra in _NEEDED.items():  # refuse once, before any file is read
        optional_module(module, "evaluation", f"wavehax[{extra}]")
    if isinstance(synthesis, ModelSynthesis):
        synthesis.check()
    scores, failed = score_all(items, synthesis, arguments.jobs)
    if scores:
        print(source)
        print(summary.table(scores, WORST))
        octaves = octave_table(scores)
        if octaves:
            print(f"\n{octaves}")
        for path in outputs:
            if path.suffix == ".json":
                means = octave_summary(scores)
                summary.write_json(path, source, scores, arguments.force, means)
            else:
                write_report(path, source, scores, items, synthesis, arguments.force)
    return 1 if failed else 0


def _task(arguments: argparse.Namespace) -> tuple[list[Item], Synthesis, str]:
    """The items to score, how their output is made, and a description of the task."""
    from wavehax.evaluate.items import at_speeds, manifest_items
    from wavehax.evaluate.synthesis import ModelSynthesis, WorldSynthesis

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
    items = manifest_items(arguments.data, arguments.splits)
    items = at_speeds(items, arguments.speeds or [1.0])
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
    from wavehax.evaluate.items import folder_items
    from wavehax.evaluate.synthesis import FilePair

    if len(arguments.folders) != 2:
        raise UsageError(
            f"{len(arguments.folders)} folders: expected NATURAL_DIR and GENERATED_DIR, or --data"
            " MANIFEST"
        )
    for option in ("model", "world", "f0", "precision", "f0_scale", "splits", "speeds"):
        if getattr(arguments, option):
            raise UsageError(f"--{option.replace('_', '-')} needs --data MANIFEST")
    natural, generated = arguments.folders
    return (
        folder_items(natural, generated),
        FilePair(arguments.hop_length),
        f"{generated} against {natural}",
    )
