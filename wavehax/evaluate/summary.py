"""Summarises scores of files as means of groups: as numbers, as text and as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.errors import optional_module
from wavehax.evaluate.outputs import json_text
from wavehax.evaluate.scores import (
    DIFFERENCE,
    RECORDING,
    SCORES,
    Score,
    names_of,
    shown_measures,
    shown_scores,
)
from wavehax.files.outputs import replacing

_RANKING = ("pesq_wb", "mel_l1", "f0_rmse_cents")  # files are ranked by the first that they have
# Widths in characters. Columns of measures are narrower, as there are more measures than scores.
_FIRST_COLUMN, _COLUMN, _NARROW_COLUMN = (48, 10, 9)


@dataclass(frozen=True)
class Mean:
    """The mean of a score over the files that have it."""

    mean: float
    # Half the width of the 95 % interval of the mean, by Student's t; nan for a single file.
    interval: float
    files: int


@dataclass(frozen=True)
class Group:
    """The means of a split, or of a speaker within a split."""

    group: str
    speaker: str  # "" for the whole group
    files: int
    means: dict[str, Mean]


def groups(scores: Sequence[dict[str, Any]]) -> list[Group]:
    """All groups, each followed by its speakers, if it has any, from the worst to the best."""
    by_group: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for of_file in scores:
        by_group[of_file["group"]].append(of_file)
    found = []
    for group, members in by_group.items():
        found.append(_group(group, "", members))
        by_speaker: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for of_file in worst_first(members):
            by_speaker[of_file["speaker"]].append(of_file)
        if set(by_speaker) != {""}:
            found += sorted((_group(group, *item) for item in by_speaker.items()), key=_badness)
    return found


def _group(group: str, speaker: str, members: Sequence[dict[str, Any]]) -> Group:
    names = names_of(members)
    means = {name: mean([of_file.get(name, float("nan")) for of_file in members]) for name in names}
    return Group(group, speaker, len(members), means)


def mean(values: Sequence[float]) -> Mean:
    """The mean of the finite values; nan where there is none."""
    finite = np.array([value for value in values if np.isfinite(value)])
    if len(finite) == 0:
        return Mean(float("nan"), float("nan"), 0)
    interval = float("nan")
    if len(finite) > 1:
        t = optional_module("scipy.stats", "the interval of a mean", "wavehax[eval]").t
        interval = float(t.ppf(0.975, len(finite) - 1) * finite.std(ddof=1) / np.sqrt(len(finite)))
    return Mean(float(finite.mean()), interval, len(finite))


def worst_first(scores: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Files sorted by PESQ-WB, then those without it by mel L1, then the others by F0 RMSE."""
    return sorted(scores, key=_badness_of_file)


def _badness_of_file(of_file: dict[str, Any]) -> tuple[int, float]:
    return _order({name: of_file.get(name, float("nan")) for name in _RANKING})


def _badness(group: Group) -> tuple[int, float]:
    return _order({name: group.means[name].mean for name in _RANKING if name in group.means})


def _order(values: dict[str, float]) -> tuple[int, float]:
    """A key that sorts the worst first."""
    higher_is_better = {score.name: score.higher_is_better for score in SCORES}
    for rank, name in enumerate(_RANKING):
        if np.isfinite(values.get(name, float("nan"))):
            return rank, values[name] if higher_is_better[name] else -values[name]
    return len(_RANKING), 0.0


def measure_rows(group: Group) -> list[tuple[str, dict[str, float]]]:
    """Rows of the measures of a group, each a title and values by name.

    They are those of the output, of the recording, their difference and its 95 % interval. Where
    the recording has no such figure, the interval is that of the output.
    """
    means, nothing = group.means, Mean(float("nan"), float("nan"), 0)
    names = [name for name in means if not name.endswith((RECORDING, DIFFERENCE))]
    return [
        ("generated", {name: means[name].mean for name in names}),
        ("recording", {name: means.get(name + RECORDING, nothing).mean for name in names}),
        ("difference", {name: means.get(name + DIFFERENCE, nothing).mean for name in names}),
        (
            "95 % interval, ±",
            {name: means.get(name + DIFFERENCE, means[name]).interval for name in names},
        ),
    ]


def measures_of_file(of_file: dict[str, Any]) -> dict[str, float]:
    """Map the name of each measure of a file to its difference from the recording's figure.

    Where the recording has no such figure, the measure itself is the value.
    """
    return {name: of_file.get(name + DIFFERENCE, value) for name, value in of_file.items()}


def table(scores: Sequence[dict[str, Any]], worst: int) -> str:
    """The summary as text, with the `worst` worst files of each group.

    It lists the means of each group with their intervals, the means of its speakers, and its worst
    files. Below are the measures of each group beside those of its recordings, and how much its
    worst files differ from their recordings.
    """
    lines = _score_lines(scores, worst)
    if shown_measures(scores):
        lines += [
            "",
            "Beside the recording's own; of a file, by how much it differs",
            *_measure_lines(scores, worst),
        ]
    return "\n".join(lines[1:])


def _score_lines(scores: Sequence[dict[str, Any]], worst: int) -> list[str]:
    shown = shown_scores(scores)
    lines = []
    for group in groups(scores):
        means = {name: of_group.mean for name, of_group in group.means.items()}
        if group.speaker:
            lines.append(_line(f"  {group.speaker} ({group.files})", means, shown, _COLUMN))
            continue
        lines += ["", _header(group, shown, _COLUMN), _line("  mean", means, shown, _COLUMN)]
        intervals = {name: of_group.interval for name, of_group in group.means.items()}
        lines.append(_line("  95 % interval, +-", intervals, shown, _COLUMN))
        lines += [
            _line(f"  {of_file['file']}", of_file, shown, _COLUMN)
            for of_file in _worst(scores, group, worst)
        ]
    return lines


def _measure_lines(scores: Sequence[dict[str, Any]], worst: int) -> list[str]:
    shown = shown_measures(scores)
    lines = []
    for group in groups(scores):
        if group.speaker:
            continue
        lines += ["", _header(group, shown, _NARROW_COLUMN)]
        rows = [(title.replace("±", "+-"), values) for title, values in measure_rows(group)]
        rows += [
            (of_file["file"], measures_of_file(of_file)) for of_file in _worst(scores, group, worst)
        ]
        lines += [_line(f"  {title}", values, shown, _NARROW_COLUMN) for title, values in rows]
    return lines


def _worst(scores: Sequence[dict[str, Any]], group: Group, count: int) -> list[dict[str, Any]]:
    return worst_first([of_file for of_file in scores if of_file["group"] == group.group])[:count]


def _header(group: Group, shown: Sequence[Score], column: int) -> str:
    labels = "".join(f"{score.label:>{column}}" for score in shown)
    return f"{f'{group.group} ({group.files} files)':<{_FIRST_COLUMN}}{labels}"


def _line(title: str, values: dict[str, Any], shown: Sequence[Score], column: int) -> str:
    if len(title) > _FIRST_COLUMN:
        title = f"  ...{title[5 - _FIRST_COLUMN :]}"
    numbers = (values.get(score.name, float("nan")) for score in shown)
    cells = (
        score.pattern.format(x) if np.isfinite(x) else "-"
        for score, x in zip(shown, numbers, strict=True)
    )
    return f"{title:<{_FIRST_COLUMN}}" + "".join(f"{cell:>{column}}" for cell in cells)


def write_json(
    path: Path,
    source: str,
    scores: Sequence[dict[str, Any]],
    overwrite: bool,
    octaves: Sequence[dict[str, Any]] = (),
) -> None:
    """Write the source, the means of groups and speakers, and the scores of files as JSON.

    Numbers that do not exist are null. `octaves` are the means that `octaves.octave_summary` gives.
    """
    contents = {
        "source": source,
        "groups": [asdict(group) for group in groups(scores)],
        "octaves": list(octaves),
        "files": list(scores),
    }
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(json_text(contents), encoding="utf-8")
