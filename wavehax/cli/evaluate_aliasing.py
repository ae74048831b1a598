"""`wavehax evaluate aliasing`: energy off the harmonic series."""

from __future__ import annotations

import argparse
from pathlib import Path

from wavehax.cli import shared, types
from wavehax.errors import UsageError, optional_module
from wavehax.models.locate import DEFAULT_MODEL

DESCRIPTION = """Measure what a model puts off the harmonic series of its F0: steady tones and a
glide from C2 (65 Hz) to C7 (2093 Hz), with the mel of the tone, with the mean mel of the training
data and with frames of recordings. Needs the extra [eval], and [train] for training runs: those of
recipes/aliasing are compared with a model so."""


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
        help="recordings, of which the loudest frame is used",
    )
    shared.add_report(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure all models, and print and write what was found.

    Raises:
        UsageError, ValueError, OSError: an argument, input or output is not as expected.
    """
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
