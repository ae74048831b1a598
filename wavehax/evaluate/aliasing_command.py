"""`wavehax evaluate aliasing`: its arguments, and what it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from wavehax import arguments as types
from wavehax.arguments import Parser
from wavehax.audio import read_audio
from wavehax.batch import UsageError
from wavehax.errors import optional_module
from wavehax.evaluate import aliasing, aliasing_mels, aliasing_report
from wavehax.evaluate.aliasing import Curve
from wavehax.evaluate.aliasing_mels import MelOf
from wavehax.evaluate.outputs import check_outputs, json_text, output_paths
from wavehax.evaluate.report import write_page
from wavehax.evaluate.subjects import Subject, Synthesizer, open_subject
from wavehax.features import log_mel
from wavehax.files import replacing
from wavehax.locate import DEFAULT_MODEL

DESCRIPTION = """Measure what a model puts off the harmonic series of its F0: steady tones and a
glide from C2 (65 Hz) to C7 (2093 Hz), with the mel of the tone, with the mean mel of the training
data and with frames of recordings. Needs the extra [eval], and [train] for training runs: those of
recipes/aliasing are compared with a model so."""


def main(argv: Sequence[str]) -> int:
    """Run `wavehax evaluate aliasing ARGV`.

    Raises:
        UsageError, ValueError, OSError: an argument, input or output is not as expected.
    """
    arguments = _parser().parse_args(argv)
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
    mels = {name: _mels(subject, arguments.speech) for name, subject in subjects.items()}
    found = {
        name: [
            curve for mel, of in mels[name].items() for curve in aliasing.curves(subject, of, mel)
        ]
        for name, subject in subjects.items()
    }
    print(aliasing_report.table(found))
    for path in outputs:
        if path.suffix == ".json":
            _write_json(path, found, arguments.force)
        else:
            sections = [
                aliasing_report.section(name, subjects[name], mels[name], found[name])
                for name in found
            ]
            body = "\n".join([aliasing_report.comparison(found), *sections])
            write_page(path, "Energy off the harmonic series", body, arguments.force)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="wavehax evaluate aliasing", description=DESCRIPTION)
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="model files, names or training runs (default: vocos-24k)",
    )
    parser.add_argument(
        "--speech",
        nargs="+",
        type=Path,
        default=[],
        metavar="SOUND",
        help="recordings, of which the loudest frame is used",
    )
    types.add_report(parser)
    return parser


def _mels(subject: Subject, speech: Sequence[Path]) -> dict[str, MelOf]:
    """Those that carry the tone; and, for a model that hears F0 otherwise, those that do not."""
    voc = subject.voc
    frames = {path.name: _loudest(path, voc) for path in speech}
    mels = {
        "neutral": aliasing_mels.neutral_mel(voc),
        "with noise": aliasing_mels.neutral_mel(voc, aliasing_mels.VOICE_NOISE),
    }
    mels |= {f"{name} sung": aliasing_mels.sung_mel(voc, frame) for name, frame in frames.items()}
    if subject.prior == "pcph":
        mels |= {
            name: aliasing_mels.held_mel(frame)
            for name, frame in {"mean": subject.mean_mel, **frames}.items()
        }
    return mels


def _loudest(path: Path, voc: Synthesizer) -> np.ndarray:
    mel = log_mel(read_audio(path, voc.sample_rate)[0], voc.features)
    return mel[:, np.exp(2 * mel).sum(axis=0).argmax()]


def _write_json(path: Path, found: dict[str, list[Curve]], overwrite: bool) -> None:
    contents = {name: [asdict(curve) for curve in curves] for name, curves in found.items()}
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(json_text(contents), encoding="utf-8")
