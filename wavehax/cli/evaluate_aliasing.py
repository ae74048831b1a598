"""`wavehax evaluate aliasing`: energy off the harmonic series."""

from __future__ import annotations

import argparse
from pathlib import Path

from wavehax.cli import shared, types
from wavehax.errors import UsageError, optional_module
from wavehax.evaluate import SPLITS
from wavehax.mel.pitch import RECORDING_METHODS
from wavehax.models.locate import DEFAULT_MODEL

DESCRIPTION = """Measure how much energy a model puts off the harmonic series of its F0. It gets
steady tones and a glide from C2 (65 Hz) to C7 (2093 Hz), with the mel of the tone, with the mean
mel of the training data and with frames of recordings. With --data it gets recordings instead, and
its output is compared with them: energy off the series by octave of F0, and lines at the multiples
of the hop rate in noise and silence. Needs the extra [eval], [f0] for --data, and [train] for
training runs, such as those of recipes/aliasing."""


def add(evaluate: types.Parser) -> None:
    command = evaluate.add_branch("aliasing", DESCRIPTION)
    command.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="model files, names or training runs (default: vocos-24k)",
    )
    command.add_argument(
        "--speech",
        nargs="+",
        type=Path,
        default=[],
        metavar="SOUND",
        help="recordings; the loudest frame of each is used",
    )
    command.add_argument(
        "--data",
        type=Path,
        metavar="MANIFEST",
        help="table (.tsv) with columns file, split, speaker, whose recordings are measured",
    )
    help_text = f"splits of the manifest (default {' '.join(SPLITS)})"
    command.add_argument("--splits", nargs="+", metavar="SPLIT", help=help_text)
    shared.add_speeds(command)
    command.add_argument(
        "--jobs", type=types.count, help="with --data, files worked on at once (default 1)"
    )
    shared.add_f0_search(command, RECORDING_METHODS, given=True)
    shared.add_report(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure all models, and print and write the results.

    Returns:
        the exit code, 1 if a recording failed and otherwise 0.

    Raises:
        UsageError: two recordings have the same name, or the arguments do not go together.
        ValueError, OSError: an input or output is not as expected.
    """
    if arguments.data is None:
        for option in ("splits", "speeds", "jobs", "f0_min", "f0_max", "f0_method"):
            if getattr(arguments, option):
                raise UsageError(f"--{option.replace('_', '-')} needs --data MANIFEST")
        return _run_tones(arguments)
    if arguments.speech:
        raise UsageError(f"--speech {arguments.speech[0]}: expected none with --data")
    return _run_recordings(arguments)


def _run_recordings(arguments: argparse.Namespace) -> int:
    from wavehax.evaluate.aliasing import recordings
    from wavehax.evaluate.items import at_speeds, manifest_items
    from wavehax.evaluate.outputs import check_outputs, output_paths
    from wavehax.evaluate.report import write_page
    from wavehax.evaluate.scoring import score_all
    from wavehax.evaluate.synthesis import ModelSynthesis

    outputs = output_paths(arguments.output)
    check_outputs(outputs, arguments.force)
    optional_module("scipy", "evaluation", "wavehax[eval]")
    optional_module("pyworld", "evaluation", "wavehax[f0]")
    listed = manifest_items(arguments.data, arguments.splits or SPLITS)
    items = [shared.searched(item, arguments) for item in listed]
    items = at_speeds(items, arguments.speeds or [1.0])
    names = arguments.models or [DEFAULT_MODEL]
    for name in names:
        ModelSynthesis(name).check()
    found, failed = {}, 0
    for name in names:
        found[name], failures = score_all(
            items, ModelSynthesis(name), arguments.jobs or 1, recordings.recording_scores
        )
        failed += failures
    if any(found.values()):
        print(recordings.table(found))
        for path in outputs:
            if path.suffix == ".json":
                recordings.write_json(path, found, arguments.force)
            else:
                body = recordings.section(found)
                write_page(path, "Energy off the harmonic series", body, arguments.force)
    return 1 if failed else 0


def _run_tones(arguments: argparse.Namespace) -> int:
    from wavehax.evaluate.aliasing import measure, report
    from wavehax.evaluate.aliasing.mels import mels_of
    from wavehax.evaluate.aliasing.subjects import open_subject
    from wavehax.evaluate.outputs import check_outputs, output_paths
    from wavehax.evaluate.report import write_page

    names = [path.name for path in arguments.speech]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"--speech: {names.count(name)} files are called {name}, expected names that differ"
            )
    outputs = output_paths(arguments.output)
    check_outputs(outputs, arguments.force)
    optional_module("scipy", "evaluation", "wavehax[eval]")
    subjects = {name: open_subject(name) for name in arguments.models or [DEFAULT_MODEL]}
    mels = {name: mels_of(subject, arguments.speech) for name, subject in subjects.items()}
    found = {
        name: [
            curve for mel, of in mels[name].items() for curve in measure.curves(subject, of, mel)
        ]
        for name, subject in subjects.items()
    }
    print(report.table(found))
    for path in outputs:
        if path.suffix == ".json":
            report.write_json(path, found, arguments.force)
        else:
            sections = [
                report.section(name, subjects[name], mels[name], found[name]) for name in found
            ]
            body = "\n".join([report.comparison(found), *sections])
            write_page(path, "Energy off the harmonic series", body, arguments.force)
    return 0
