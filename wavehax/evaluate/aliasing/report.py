"""Shows energy off the harmonic series: as a table, as JSON and on a page with curves and sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from html import escape
from pathlib import Path

import numpy as np

from wavehax.evaluate import pictures
from wavehax.evaluate.aliasing import measure
from wavehax.evaluate.aliasing.measure import Curve
from wavehax.evaluate.aliasing.mels import MelOf
from wavehax.evaluate.aliasing.subjects import Subject
from wavehax.evaluate.outputs import json_text
from wavehax.evaluate.report import sound_player
from wavehax.files.outputs import replacing

_RANGES = ((0, 500), (500, 2100))  # ranges of F0 in Hz, each with a row of the table
_MARGINS = ("output", "less_noise", "retuned")  # curves in which models are compared
_LOWEST_DB = -160  # lower end of the plots of one model, near the values of the prior
_EXPLANATION = """Energy off the multiples of F0 over energy on them. The neutral mel is that of the
tone itself, whose harmonics fall by 6 dB an octave. With noise, it also has noise 40 dB below, as
recordings have. The mel of a recording that is sung has the envelope of its loudest frame instead.
The mean mel of the training data has no harmonics, and asks for noise between those of a high F0. A
frame of a recording holds the harmonics of another F0. A curve ends where the noise explains all.
Retuned: energy off the F0 within two semitones that the output fits best. Stripes: power at the
multiples of the frame rate over that elsewhere, off the harmonics of tones."""
_LINES = {
    "the prior's harmonics": "prior",
    "output": "output",
    "the same, less what noise explains": "less_noise",
    "output without noise": "without_noise",
    "output for noise alone": "noise",
}

_COMPARED = {
    "tones": {"output": "output", "output, against the F0 nearby that fits it best": "retuned"},
    "glide": {"output": "output", "output, less what noise explains": "less_noise"},
}

Found = Mapping[str, Sequence[Curve]]
"""The curves of each model by its name."""


def table(found: Found) -> str:
    """The highest value of each curve in two ranges of F0, as text.

    For stripes it is the median, because sound that the frames modulate lies beside the harmonics,
    which at some F0 is by chance a multiple of the frame rate. If there are several models, the
    last columns tell by how much a model is above the first at the F0 where that is least.
    """
    shown = [field.name for field in fields(Curve)[3:]]
    margins = _MARGINS if len(found) > 1 else ()
    rows = []
    for mel, movement in kinds(found):
        curves = _of_kind(found, mel, movement)
        first = curves.get(next(iter(found)))
        for low, high in _RANGES:
            title = f"{mel}, {movement}, F0 {low}-{high} Hz"
            for model, curve in curves.items():
                above = [_margin(curve, first, name, low, high) for name in margins]
                rows.append(
                    (title, model, *(_summary(curve, name, low, high) for name in shown), *above)
                )
    header = (
        "dB off the harmonic series, highest; stripes, median",
        "model",
        *shown,
        *(f"{x} +" for x in margins),
    )
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    return "\n".join(_line(row, widths) for row in (header, *rows))


def kinds(found: Found) -> list[tuple[str, str]]:
    """The pairs of mel and movement that there are curves of, each once."""
    return list(
        dict.fromkeys((curve.mel, curve.movement) for curves in found.values() for curve in curves)
    )


def _of_kind(found: Found, mel: str, movement: str) -> dict[str, Curve]:
    return {m: c for m, of in found.items() for c in of if (c.mel, c.movement) == (mel, movement)}


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.ljust(width) if i < 2 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=False))
    ]
    return "  ".join(cells).rstrip()


def _summary(curve: Curve, name: str, low: float, high: float) -> str:
    values = [
        value for hz, value in zip(curve.f0, getattr(curve, name), strict=True) if low < hz <= high
    ]
    known = [value for value in values if not np.isnan(value)]
    summary = np.median if name == "stripes" else max
    return f"{summary(known):.1f}" if known else "-"


def _margin(curve: Curve, first: Curve | None, name: str, low: float, high: float) -> str:
    """The least difference in dB, over F0, by which `curve` is above `first`."""
    if first is None or curve is first:
        return "-"
    rows = zip(curve.f0, getattr(curve, name), getattr(first, name), strict=True)
    above = [
        value - other
        for hz, value, other in rows
        if low < hz <= high and np.isfinite([value, other]).all()
    ]
    return f"{min(above):.1f}" if above else "-"


def comparison(found: Found) -> str:
    """The table as HTML.

    If there are several models, a plot of their outputs follows for every mel that all of them got.
    """
    parts = [f"<p>{_EXPLANATION}</p><pre>{escape(table(found))}</pre>"]
    for mel, movement in kinds(found) if len(found) > 1 else ():
        curves = _of_kind(found, mel, movement)
        if len(curves) < len(found):
            continue
        plots = [
            pictures.plot(
                {model: (curve.f0, getattr(curve, name)) for model, curve in curves.items()},
                *(-60, 40, f"{mel}, {movement}: {label}"),
            )
            for label, name in _COMPARED[movement].items()
        ]
        parts.append(f'<div class="pair">{"".join(plots)}</div>')
    return "\n".join(parts)


def section(name: str, subject: Subject, mels: Mapping[str, MelOf], found: Sequence[Curve]) -> str:
    """All curves of one model, and its glides to see and hear, as HTML."""
    parts = [f"<h2>{escape(name)}</h2>"]
    for mel, of in mels.items():
        plots = [_plot(curve) for curve in found if curve.mel == mel]
        parts.append(f'<h3>mel: {escape(mel)}</h3><div class="pair">{"".join(plots)}</div>')
        parts.append(f'<div class="pair">{_glide(subject, of)}</div>')
    return "\n".join(parts)


def _plot(curve: Curve) -> str:
    lines = {label: (curve.f0, getattr(curve, name)) for label, name in _LINES.items()}
    lines = {label: line for label, line in lines.items() if not np.isnan(line[1]).all()}
    return pictures.plot(
        lines, _LOWEST_DB, 20, f"{curve.movement}: energy off the harmonics over energy on them"
    )


def _glide(subject: Subject, mel: MelOf) -> str:
    voc = subject.voc
    f0 = measure.glide(voc)
    waves = measure.outputs(subject, mel, f0)
    sounds = {"prior's harmonics": waves.prior, "output": waves.output}
    if waves.prior is not None:
        sounds["output for harmonics alone"] = waves.without_noise
    figures = []
    for title, wave in sounds.items():
        if wave is None:
            continue
        level = pictures.spectrogram(wave, voc.sample_rate)
        figure = pictures.spectrogram_figure(
            level, level.max(), f0, voc.sample_rate, f"glide: {title}, F0 as asked for"
        )
        figures.append(f"<div>{figure}{sound_player(wave, voc.sample_rate)}</div>")
    return "".join(figures)


def write_json(path: Path, found: dict[str, list[Curve]], overwrite: bool) -> None:
    """Write all curves as JSON, by the name of their model."""
    contents = {name: [asdict(curve) for curve in curves] for name, curves in found.items()}
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(json_text(contents), encoding="utf-8")
