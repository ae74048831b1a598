"""Scores a sound by octave of F0, and shows the means of files as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from wavehax.evaluate.frames import local_power
from wavehax.evaluate.pitch import FRAMES, f0_scores
from wavehax.evaluate.scores import DIFFERENCE, MEASURES, RECORDING, SCORES, Score
from wavehax.evaluate.series import off_series, steady_frames
from wavehax.evaluate.summary import Mean, mean
from wavehax.evaluate.synthesis import Pair

OCTAVES = ((60, 120), (120, 240), (240, 480), (480, 960), (960, 1400))
"""Edges in Hz; a frame belongs to an octave from its lower edge on, to below its upper one."""

OFF_SERIES = "off_series"

_LEAST_FRAMES = 8  # frames of an octave in a file that counts for it, ...
_LEAST_SHARE = 0.1  # ... and their share of all its frames with F0
_SILENCE_DB = 40.0  # frames further below the loudest are not judged
# The scores of frames, with their names in `pitch.F0Scores`.
_OF_FRAMES = {
    "f0_rmse_cents": "rmse_cents",
    "f0_median_cents": "median_cents",
    "gross_pitch_error": "gross_pitch_error",
    "voicing_error": "voicing_error",
}
_OF_FILES = ("pesq_wb", "distillmos" + DIFFERENCE)


def octave_scores(pair: Pair, made_f0: np.ndarray) -> dict[str, Any]:
    """Scores of a pair by octave of F0.

    A frame belongs to the octave of the F0 that it should have, or of `made_f0` if it should have
    none. Octaves are left out that have less than 8 frames, or less than a tenth of the frames with
    F0. Where F0 was scaled, there is no recording with that F0, and `off_series` is left out.

    Args:
        pair: a recording and the sound made from it.
        made_f0: F0 of that sound, [T] in Hz on `pitch.FRAMES`, 0 where unvoiced.

    Returns:
        `f0_median_hz`, the median of the F0 that the sound should have (nan where it has none); and
        `octaves`, a list with an entry for each octave, by name: `octave`, the edges in Hz; the
        scores of `pitch.f0_scores` over its frames; `off_series`, `off_series_recording` and
        `off_series_difference`, the means of `series.off_series` in dB over its frames.
    """
    f0 = np.where(pair.f0 > 0, pair.f0, made_f0)
    levels = _off_series(pair) if pair.f0_scale == 1 else {}
    found = []
    for low, high in OCTAVES:
        frames = (f0 >= low) & (f0 < high)
        if frames.sum() < max(_LEAST_FRAMES, _LEAST_SHARE * (f0 > 0).sum()):
            continue
        scores = f0_scores(pair.f0[frames], made_f0[frames])
        values = {name: getattr(scores, field) for name, field in _OF_FRAMES.items()}
        values |= {name: _mean_level(level[frames]) for name, level in levels.items()}
        found.append({"octave": [low, high], **values})
    voiced = pair.f0[pair.f0 > 0]
    return {
        "f0_median_hz": float(np.median(voiced)) if len(voiced) else float("nan"),
        "octaves": found,
    }


def _off_series(pair: Pair) -> dict[str, np.ndarray]:
    """The levels [T] of the frames that can be judged in output and recording, and differences."""
    power = local_power(pair.natural, pair.sample_rate * FRAMES.hop_length / FRAMES.sample_rate)
    middles = np.arange(len(pair.f0)) * FRAMES.hop_length * pair.sample_rate / FRAMES.sample_rate
    power = power[np.minimum(np.rint(middles).astype(int), len(power) - 1)]
    loud = power > power.max() * 10 ** (-_SILENCE_DB / 10)
    output, recording = (
        off_series(wave, pair.sample_rate, pair.f0, loud & steady_frames(pair.f0))
        for wave in (pair.generated, pair.natural)
    )
    return {
        OFF_SERIES: output,
        OFF_SERIES + RECORDING: recording,
        OFF_SERIES + DIFFERENCE: output - recording,
    }


def _mean_level(levels: np.ndarray) -> float:
    known = levels[np.isfinite(levels)]
    return float(known.mean()) if len(known) >= _LEAST_FRAMES else float("nan")


def _columns() -> tuple[Score, ...]:
    """The columns of the table, in order."""
    scores = {score.name: score for score in SCORES + MEASURES}
    distance = "energy off the multiples of F0 over that on them in dB, of"
    return (
        Score("files", "files", "files with frames in the octave", "{:.0f}", True),
        *(scores[name] for name in ("f0_rmse_cents", "f0_median_cents", "gross_pitch_error")),
        Score(
            "voicing_error",
            "V/UV",
            "frames voiced in one and not in the other, of those voiced in either",
            "{:.2%}",
            False,
        ),
        Score(OFF_SERIES, "off", f"{distance} the output", "{:.1f}", False),
        Score(OFF_SERIES + RECORDING, "off rec.", f"{distance} the recording", "{:.1f}", False),
        Score(OFF_SERIES + DIFFERENCE, "off diff.", "the first less the second", "{:+.1f}", False),
        Score("interval", "+-", "95 % interval of that difference", "{:.1f}", False),
        Score("files_by_median", "median in", "files with their median F0 in it", "{:.0f}", True),
        Score("pesq_wb", "PESQ-WB", f"{scores['pesq_wb'].meaning}, of these", "{:.3f}", True),
        Score(
            "distillmos" + DIFFERENCE,
            "Distill d.",
            "DistillMOS of these less their recordings'",
            "{:+.3f}",
            True,
        ),
    )


COLUMNS = _columns()
"""The columns of `octave_rows`, in the order in which they are shown."""


def octave_means(scores: Sequence[dict[str, Any]]) -> dict[tuple[int, int], dict[str, Mean]]:
    """Means over files by octave and name, of all groups together.

    Args:
        scores: those of files, with what `octave_scores` returns.

    Returns:
        the means of all octaves that a file has. `pesq_wb` and `distillmos_difference` are those of
        the files whose median F0 lies in the octave.
    """
    found = {}
    for low, high in OCTAVES:
        entries = [
            entry
            for of_file in scores
            for entry in of_file.get("octaves", ())
            if tuple(entry["octave"]) == (low, high)
        ]
        if entries:
            names = [*_OF_FRAMES, *(OFF_SERIES + end for end in ("", RECORDING, DIFFERENCE))]
            means = {name: mean([entry.get(name, np.nan) for entry in entries]) for name in names}
            members = [
                of_file for of_file in scores if low <= of_file.get("f0_median_hz", 0) < high
            ]
            means |= {
                name: mean([member.get(name, np.nan) for member in members]) for name in _OF_FILES
            }
            means["files"] = Mean(float(len(entries)), float("nan"), len(entries))
            means["files_by_median"] = Mean(float(len(members)), float("nan"), len(members))
            found[low, high] = means
    return found


def octave_summary(scores: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """`octave_means` for JSON: a list of `octave`, the edges in Hz, and `means`."""
    return [
        {"octave": list(edges), "means": {name: asdict(of) for name, of in means.items()}}
        for edges, means in octave_means(scores).items()
    ]


def octave_rows(scores: Sequence[dict[str, Any]]) -> list[tuple[str, dict[str, float]]]:
    """The rows of the table: a title, and values by the names of COLUMNS."""
    return [
        (
            f"{low}-{high} Hz",
            {name: of_name.mean for name, of_name in means.items()}
            | {"interval": means[OFF_SERIES + DIFFERENCE].interval},
        )
        for (low, high), means in octave_means(scores).items()
    ]


def octave_columns(rows: Sequence[tuple[str, dict[str, float]]]) -> list[Score]:
    """The entries of COLUMNS that at least one row has."""
    return [
        column
        for column in COLUMNS
        if any(np.isfinite(values.get(column.name, np.nan)) for _, values in rows)
    ]


def octave_table(scores: Sequence[dict[str, Any]]) -> str:
    """The table as text; empty where no file has F0."""
    rows = octave_rows(scores)
    if not rows:
        return ""
    shown = octave_columns(rows)
    lines = [f"{'By octave of F0':<18}" + "".join(f"{column.label:>11}" for column in shown)]
    for title, values in rows:
        numbers = [values.get(column.name, np.nan) for column in shown]
        cells = [
            column.pattern.format(x) if np.isfinite(x) else "-"
            for column, x in zip(shown, numbers, strict=True)
        ]
        lines.append(f"  {title:<16}" + "".join(f"{cell:>11}" for cell in cells))
    return "\n".join(lines)
