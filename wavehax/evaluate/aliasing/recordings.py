"""Compares what a model makes of recordings with these, in what lies off the series of F0.

Two faults are measured. Energy off the multiples of F0 is that of `octaves.octave_scores`, by
octave. Lines at the multiples of the hop rate are those of `hop_lines`, in noise and in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.evaluate import pitch
from wavehax.evaluate.frames import voicing
from wavehax.evaluate.hop_lines import hop_lines
from wavehax.evaluate.octaves import octave_scores, octave_summary, octave_table
from wavehax.evaluate.outputs import json_text
from wavehax.evaluate.summary import mean
from wavehax.evaluate.synthesis import Pair
from wavehax.files.outputs import replacing

LINE_BANDS = ((200, 1000), (1000, 4000), (4000, 11500))
"""Edges in Hz of the bands in which lines are averaged."""

KINDS = ("noise", "silence")
"""Where lines are looked for: in unvoiced sound, and between words."""

_EXPLANATION = """Above: energy off the multiples of F0 over the energy on them, of output and
recording, by octave of F0. Below: how far the multiples of the hop rate, sample_rate / hop_length,
stand out of the places half a hop rate away, in dB, in unvoiced sound and in silence; means over
files, and the line that stands out most compared with the recordings."""

Found = Mapping[str, Sequence[dict[str, Any]]]
"""The scores of files, as `recording_scores` gives them, by model."""


def recording_scores(pair: Pair) -> dict[str, Any]:
    """What `octaves.octave_scores` returns, and `hop_lines`: the lines by name of KINDS."""
    made_f0 = pitch.harvest(pair.generated, pair.sample_rate, pair.f0_range, pair.f0_method)
    classes = voicing(pair.natural, pair.sample_rate, pair.f0)
    found = hop_lines(pair.natural, pair.generated, pair.sample_rate, pair.hop_length, classes)
    lines = {kind: asdict(of_kind) for kind, of_kind in found.items()}
    return {**octave_scores(pair, made_f0), "hop_lines": lines}


def line_rows(scores: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines of each kind and band, averaged over files.

    Args:
        scores: those of files, all with the same hop.

    Returns:
        for each kind and band that a file has: `kind`; `band`, its edges in Hz; `files`; the means
        over files of the mean over lines, in dB, as `output` and `recording`, of their
        `difference`, and its 95 % `interval`; `highest_hz` and `highest_db`, the line that stands
        out of the recordings' most, and by how much.
    """
    rows = []
    for kind in KINDS:
        files = [of_file["hop_lines"][kind] for of_file in scores if kind in of_file["hop_lines"]]
        if not files:
            continue
        hz = np.array(files[0]["hz"])
        output, recording = (
            np.array([of_file[name] for of_file in files]) for name in ("output", "recording")
        )
        for low, high in LINE_BANDS:
            lines = (hz >= low) & (hz < high)
            if lines.any():
                rows.append(
                    {"kind": kind, "band": [low, high], "files": len(files)}
                    | _row(hz[lines], output[:, lines], recording[:, lines])
                )
    return rows


def _row(hz: np.ndarray, output: np.ndarray, recording: np.ndarray) -> dict[str, float]:
    """The figures of a row of `line_rows` from levels [files, lines] in dB."""
    difference = mean((output - recording).mean(axis=1).tolist())
    of_lines = (output - recording).mean(axis=0)
    return {
        "output": float(output.mean()),
        "recording": float(recording.mean()),
        "difference": difference.mean,
        "interval": difference.interval,
        "highest_hz": float(hz[of_lines.argmax()]),
        "highest_db": float(of_lines.max()),
    }


def table(found: Found) -> str:
    """Both comparisons for each model, as text."""
    parts = []
    for model, scores in found.items():
        parts.append(model)
        parts += [text for text in (octave_table(scores), _line_table(scores)) if text]
    return "\n".join(parts)


def _line_table(scores: Sequence[dict[str, Any]]) -> str:
    rows = line_rows(scores)
    if not rows:
        return ""
    names = ("files", "output", "recording", "difference", "+-", "highest line", "by dB")
    lines = [f"{'Lines at the hop rate':<26}" + "".join(f"{name:>14}" for name in names)]
    for row in rows:
        low, high = row["band"]
        title = f"  {row['kind']}, {low}-{high} Hz"
        levels = "".join(f"{row[name]:>14.2f}" for name in ("output", "recording"))
        interval = f"{row['interval']:.2f}" if np.isfinite(row["interval"]) else "-"
        highest = f"{row['highest_hz']:>11.0f} Hz{row['highest_db']:>+14.1f}"
        lines.append(
            f"{title:<26}{row['files']:>14}{levels}{row['difference']:>+14.2f}{interval:>14}"
            f"{highest}"
        )
    return "\n".join(lines)


def section(found: Found) -> str:
    """The table as HTML, with an explanation."""
    return f"<p>{_EXPLANATION}</p><pre>{escape(table(found))}</pre>"


def write_json(path: Path, found: Found, overwrite: bool) -> None:
    """Write the means and the scores of files as JSON, by model: `octaves`, `lines`, `files`."""
    contents = {
        model: {
            "octaves": octave_summary(scores),
            "lines": line_rows(scores),
            "files": list(scores),
        }
        for model, scores in found.items()
    }
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(json_text(contents), encoding="utf-8")
