"""Writes the report of an evaluation as one HTML file that needs no others.

`write_page` is for other reports too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.errors import optional_module
from wavehax.evaluate import pictures, pitch
from wavehax.evaluate.items import Item
from wavehax.evaluate.octaves import octave_columns, octave_rows
from wavehax.evaluate.scores import Score, shown_measures, shown_scores
from wavehax.evaluate.summary import groups, measure_rows, measures_of_file, worst_first
from wavehax.evaluate.synthesis import Pair, Synthesis
from wavehax.files.outputs import replacing

_EXAMPLES = 6  # worst files of each group, with sound and spectrograms; each takes half a MB
_MAX_SECONDS = 15.0  # longest example

STYLE = """body{font:14px/1.4 system-ui,sans-serif;margin:2em auto;max-width:1250px;padding:0
1em;color:#222} table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.2em
.6em;text-align:right} th:first-child,td:first-child{text-align:left;overflow-wrap:anywhere}thead
th{border-bottom:1px solid #888} tr.group td{font-weight:600;border-top:1px solid #ccc}tr.interval
td{color:#666} .pair{display:grid;grid-template-columns:1fr
1fr;gap:1em}.spectrogram{width:100%;background:#fff} .spectrogram text,.plot text{font:11px
sans-serif;fill:#444} .spectrogram polyline{fill:none;stroke:#6ff;stroke-width:1.5}
audio{width:100%}h3{margin:1.5em 0 .2em;overflow-wrap:anywhere}p.scores{margin:.2em 0;color:#444}"""


def write_report(
    path: Path,
    source: str,
    scores: Sequence[dict[str, Any]],
    items: Sequence[Item],
    synthesis: Synthesis,
    overwrite: bool,
) -> None:
    """Write the report of an evaluation.

    It has the means, the worst files of each group with sound, spectrograms and F0, and the scores
    of all files.

    Args:
        path: the file to write.
        source: a description of what was scored.
        scores: those of files, as `scoring.score_all` gives them.
        items: those files, and perhaps others.
        synthesis: makes the examples once more.
        overwrite: replace a file that exists.
    """
    by_name = {item.name: item for item in items}
    parts = ["<h2>Means</h2>", _means(scores), _legend(shown_scores(scores))]
    measured = bool(shown_measures(scores))
    if measured:
        parts += [
            "<h2>Beside the recording's own</h2>",
            _measures(scores),
            _legend(shown_measures(scores)),
        ]
    octaves = octave_rows(scores)
    if octaves:
        parts += ["<h2>By octave of F0</h2>", octave_section(octaves)]
    for group in dict.fromkeys(of_file["group"] for of_file in scores):
        worst = worst_first([of_file for of_file in scores if of_file["group"] == group])[
            :_EXAMPLES
        ]
        parts.append(f"<h2>{escape(group)}: the worst files</h2>")
        parts += [_example(of_file, synthesis(by_name[of_file["file"]])) for of_file in worst]
    parts += ["<h2>All files, worst first</h2>", _all_files(scores)]
    if measured:
        parts += [
            "<h2>All files, by how much they differ from their recordings</h2>",
            _all_differences(scores),
        ]
    write_page(path, f"Evaluation of {source}", "\n".join(parts), overwrite)


def write_page(path: Path, title: str, body: str, overwrite: bool) -> None:
    """Write a complete HTML file in the style of reports."""
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><link rel="icon"'
        f' href="data:,"><title>{escape(title)}</title><style>{STYLE}</style></head>\n'
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _means(scores: Sequence[dict[str, Any]]) -> str:
    shown = shown_scores(scores)
    rows = []
    for group in groups(scores):
        means = {name: of_group.mean for name, of_group in group.means.items()}
        title = f"{group.speaker or group.group} ({group.files})"
        rows.append(_row(title, means, shown, "speaker" if group.speaker else "group"))
        if not group.speaker:
            intervals = {name: of_group.interval for name, of_group in group.means.items()}
            rows.append(_row("95 % interval of the mean, ±", intervals, shown, "interval"))
    return _table("group, speaker (files)", shown, rows)


def _all_files(scores: Sequence[dict[str, Any]]) -> str:
    shown = shown_scores(scores)
    return _table(
        "file",
        shown,
        [_row(of_file["file"], of_file, shown, "") for of_file in worst_first(scores)],
    )


def _measures(scores: Sequence[dict[str, Any]]) -> str:
    rows = []
    for group in groups(scores):
        if not group.speaker:
            (title, values), *others = measure_rows(group)
            shown = shown_measures(scores)
            rows.append(_row(f"{group.group} ({group.files}), {title}", values, shown, "group"))
            rows += [
                _row(title, values, shown, "interval" if "interval" in title else "")
                for title, values in others
            ]
    return _table("group (files)", shown_measures(scores), rows)


def octave_section(rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    """The rows of `octaves.octave_rows` as an HTML table, with the meaning of its columns."""
    shown = octave_columns(rows)
    body = [_row(title, values, shown, "") for title, values in rows]
    return _table("F0", shown, body) + _legend(shown)


def _all_differences(scores: Sequence[dict[str, Any]]) -> str:
    shown = shown_measures(scores)
    rows = [
        _row(of_file["file"], measures_of_file(of_file), shown, "")
        for of_file in worst_first(scores)
    ]
    return _table("file", shown, rows)


def _table(first: str, shown: Sequence[Score], rows: Sequence[str]) -> str:
    header = "".join(
        f'<th title="{escape(score.meaning)}">{escape(score.label)}</th>' for score in shown
    )
    return (
        f"<table><thead><tr><th>{first}</th>{header}</tr></thead><tbody>\n"
        + "\n".join(rows)
        + "</tbody></table>"
    )


def _row(title: str, values: dict[str, Any], shown: Sequence[Score], kind: str) -> str:
    cells = "".join(f"<td>{_cell(score, values)}</td>" for score in shown)
    return f'<tr class="{kind}"><td>{escape(title)}</td>{cells}</tr>'


def _cell(score: Score, values: dict[str, Any]) -> str:
    value = values.get(score.name, float("nan"))
    return score.pattern.format(value) if np.isfinite(value) else "-"


def _legend(shown: Sequence[Score]) -> str:
    return (
        "<p>"
        + "; ".join(f"<b>{escape(score.label)}</b> {escape(score.meaning)}" for score in shown)
        + ".</p>"
    )


def _example(of_file: dict[str, Any], pair: Pair) -> str:
    length = int(_MAX_SECONDS * pair.sample_rate)
    sounds = {"recording": pair.natural[:length], "generated": pair.generated[:length]}
    levels = [pictures.spectrogram(wave, pair.sample_rate) for wave in sounds.values()]
    top = max(level.max() for level in levels)
    low, high = pair.f0_range
    ranges = ((low / pair.f0_scale, high / pair.f0_scale), pair.f0_range)
    figures = ""
    for (name, wave), level, hz in zip(sounds.items(), levels, ranges, strict=True):
        f0 = pitch.harvest(wave, pair.sample_rate, hz, pair.f0_method)
        figure = _figure(name, level, top, f0, pair.sample_rate)
        figures += f"<div>{figure}{sound_player(wave, pair.sample_rate)}</div>"
    values = ", ".join(
        f"{score.label} {_cell(score, of_file)}" for score in shown_scores([of_file])
    )
    return (
        f'<h3>{escape(of_file["file"])}</h3><p class="scores">{escape(values)}</p>'
        f'<div class="pair">{figures}</div>'
    )


def _figure(name: str, level: np.ndarray, top: float, f0: np.ndarray, rate: int) -> str:
    return pictures.spectrogram_figure(level, top, f0, rate, f"{name}, F0 by Harvest")


def sound_player(wave: np.ndarray, sample_rate: int) -> str:
    """Return an HTML audio player with the sound embedded in it as FLAC."""
    soundfile = optional_module("soundfile", "sound in a report", "soundfile")
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(wave, -1, 1), sample_rate, format="FLAC", subtype="PCM_16")
    return (
        '<audio controls preload="none"'
        f' src="{pictures.data_uri(buffer.getvalue(), "audio/flac")}"></audio>'
    )
