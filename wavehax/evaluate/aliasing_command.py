"""`wavehax evaluate aliasing`: its arguments, and its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

import numpy as np

import wavehax
from wavehax import arguments as types
from wavehax.arguments import Parser
from wavehax.audio import read_audio
from wavehax.checkpoint import load_model
from wavehax.errors import optional_module
from wavehax.evaluate import aliasing, pictures
from wavehax.evaluate.aliasing import Curve, MelOf
from wavehax.evaluate.outputs import check_outputs, json_text, output_paths
from wavehax.evaluate.report import sound_player, write_page
from wavehax.features import log_mel
from wavehax.files import replacing
from wavehax.vocoder import DEFAULT_MODEL, Vocoder, model_path

DESCRIPTION = """Measure what a model puts off the harmonic series of its F0: steady tones and a glide from C2 (65 Hz)
to C7 (2093 Hz), with a neutral mel, with the mean mel of the training data and with frames of recordings. Needs the
extra [eval]."""
_EXPLANATION = """Energy off the multiples of F0 over energy on them. The neutral mel is that of the tone itself, its
harmonics falling by 6 dB an octave; the mean mel, that of the training data, has no harmonics and asks for noise
between those of a high F0; a frame of a recording holds harmonics of another F0. A curve ends where the noise explains
all."""
_LOWEST_DB = -160  # of the plots


def main(argv: Sequence[str]) -> int:
    """Run `wavehax evaluate aliasing ARGV`.

    Raises:
        UsageError, ValueError, OSError: an argument, input or output is not as expected.
    """
    arguments = _parser().parse_args(argv)
    outputs = output_paths(arguments.output)
    check_outputs(outputs, arguments.force)
    optional_module("scipy", "evaluation", "wavehax[eval]")
    found: dict[str, list[Curve]] = {}
    sections = []
    for name in arguments.models or [DEFAULT_MODEL]:
        voc, mels = wavehax.load(name), _mels(name, arguments.speech)
        found[name] = [curve for mel, of in mels.items() for curve in aliasing.curves(voc, of, mel)]
        print(f"{name}\n{aliasing.table(found[name])}")
        if arguments.output:
            sections.append(_section(name, voc, mels, found[name]))
    for path in outputs:
        if path.suffix == ".json":
            _write_json(path, found, arguments.force)
        else:
            write_page(path, "Energy off the harmonic series", "\n".join(sections), arguments.force)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="wavehax evaluate aliasing", description=DESCRIPTION)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="model files or names (default: the shipped one)")
    parser.add_argument(
        "--speech", nargs="+", type=Path, default=[], metavar="SOUND", help="recordings whose loudest frame is held"
    )
    types.add_report(parser)
    return parser


def _mels(model: str, speech: Sequence[Path]) -> dict[str, MelOf]:
    voc, mean = wavehax.load(model), load_model(model_path(model)).weights["mel_mean"]
    mels = {"neutral": aliasing.neutral_mel(voc), "mean": aliasing.held_mel(mean)}
    for path in speech:
        mel = log_mel(read_audio(path, voc.sample_rate)[0], voc.features)
        mels[path.name] = aliasing.held_mel(mel[:, np.exp(2 * mel).sum(axis=0).argmax()])
    return mels


def _section(name: str, voc: Vocoder, mels: dict[str, MelOf], found: Sequence[Curve]) -> str:
    parts = [f"<h2>{escape(name)}</h2><p>{_EXPLANATION}</p>"]
    for mel, of in mels.items():
        plots = [_plot(curve) for curve in found if curve.mel == mel]
        parts.append(f'<h3>mel: {escape(mel)}</h3><div class="pair">{"".join(plots)}</div>')
        parts.append(f'<div class="pair">{_glide(voc, of)}</div>')
    return "\n".join(parts)


def _plot(curve: Curve) -> str:
    values = asdict(curve)
    lines = {
        "the prior's harmonics": "prior",
        "output for harmonics and noise": "output",
        "the same, less what noise alone gives": "less_noise",
        "output for harmonics alone": "without_noise",
        "output for noise alone": "noise",
    }
    curves = {label: (curve.f0, values[key]) for label, key in lines.items()}
    return pictures.plot(curves, _LOWEST_DB, 20, f"{curve.movement}: energy off the harmonics over energy on them")


def _glide(voc: Vocoder, mel: MelOf) -> str:
    f0 = aliasing.glide(voc)
    harmonics, output, without_noise, _ = aliasing.outputs(voc, mel, f0)
    sounds = {"prior's harmonics": harmonics, "output": output, "output for harmonics alone": without_noise}
    figures = []
    for title, wave in sounds.items():
        level = pictures.spectrogram(wave, voc.sample_rate)
        figure = pictures.spectrogram_figure(
            level, level.max(), f0, voc.sample_rate, f"glide: {title}, F0 as asked for"
        )
        figures.append(f"<div>{figure}{sound_player(wave, voc.sample_rate)}</div>")
    return "".join(figures)


def _write_json(path: Path, found: dict[str, list[Curve]], overwrite: bool) -> None:
    contents = {name: [asdict(curve) for curve in curves] for name, curves in found.items()}
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(json_text(contents), encoding="utf-8")
