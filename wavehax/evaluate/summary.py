"""Scores of files to means of groups: as numbers, as text and as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.errors import optional_module
from wavehax.evaluate.outputs import json_text
from wavehax.files import replacing


@dataclass(frozen=True)
class Score:
    """How a score is shown."""

    name: str
    label: str
    meaning: str
    pattern: str  # for str.format
    higher_is_better: bool


SCORES = (
    Score("pesq_wb", "PESQ-WB", "ITU-T P.862.2, 1.0 to 4.64", "{:.3f}", True),
    Score("stoi", "STOI", "short-time objective intelligibility, at most 1", "{:.4f}", True),
    Score("mcd_db", "MCD dB", "mel-cepstral distortion", "{:.2f}", False),
    Score("f0_rmse_cents", "F0 RMSE", "cents, over frames voiced in both without gross errors", "{:.1f}", False),
    Score("f0_median_cents", "F0 median", "cents, of the absolute error over the same frames", "{:.1f}", False),
    Score("gross_pitch_error", "GPE", "frames voiced in both with F0 off by more than 20 %", "{:.2%}", False),
    Score("voicing_error", "V/UV", "frames voiced in one and not in the other", "{:.2%}", False),
    Score("voicing_f1", "V/UV F1", "harmonic mean of precision and recall of voiced frames", "{:.4f}", True),
    Score("periodicity_error", "period.", "RMS difference of periodicity, 0 to 1", "{:.4f}", False),
    Score("mel_l1", "mel L1", "log-mel difference, mean of four resolutions", "{:.4f}", False),
    Score("stft_distance", "STFT", "multi-resolution STFT loss of Parallel WaveGAN", "{:.4f}", False),
    Score("dnsmos", "DNSMOS", "overall quality predicted from the sound alone, 1 to 5", "{:.3f}", True),
)
"""In the order in which they are shown. The definitions are in metrics.py and pitch.py."""

_RANKING = ("pesq_wb", "mel_l1", "f0_rmse_cents")  # the first that a file has tells how bad it is
_FIRST_COLUMN, _COLUMN = 48, 10  # characters


@dataclass(frozen=True)
class Mean:
    """Of the files that have the score."""

    mean: float
    interval: float  # half the width of the 95 % interval of the mean, by Student's t over the files; nan for one file
    files: int


@dataclass(frozen=True)
class Group:
    """The means of a split or, within one, of a speaker."""

    group: str
    speaker: str  # "" for the whole group
    files: int
    means: dict[str, Mean]


def shown_scores(scores: Sequence[dict[str, Any]]) -> list[Score]:
    """Those that at least one file has."""
    return [score for score in SCORES if any(np.isfinite(of_file.get(score.name, np.nan)) for of_file in scores)]


def groups(scores: Sequence[dict[str, Any]]) -> list[Group]:
    """Every group, and where there are any, its speakers from the worst to the best."""
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
    means = {score.name: mean([of_file[score.name] for of_file in members]) for score in shown_scores(members)}
    return Group(group, speaker, len(members), means)


def mean(values: Sequence[float]) -> Mean:
    """Mean of the finite values; nan where there is none."""
    finite = np.array([value for value in values if np.isfinite(value)])
    if len(finite) == 0:
        return Mean(float("nan"), float("nan"), 0)
    interval = float("nan")
    if len(finite) > 1:
        t = optional_module("scipy.stats", "the interval of a mean", "wavehax[eval]").t
        interval = float(t.ppf(0.975, len(finite) - 1) * finite.std(ddof=1) / np.sqrt(len(finite)))
    return Mean(float(finite.mean()), interval, len(finite))


def worst_first(scores: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Files sorted by PESQ-WB; those without one come after, by mel L1 or else by F0 RMSE."""
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


def table(scores: Sequence[dict[str, Any]], worst: int) -> str:
    """Of each group the means with their intervals, the means of its speakers, and its worst files, as text."""
    shown = shown_scores(scores)
    lines = []
    for group in groups(scores):
        means = {name: of_group.mean for name, of_group in group.means.items()}
        if group.speaker:
            lines.append(_line(f"  {group.speaker} ({group.files})", means, shown))
            continue
        members = worst_first([of_file for of_file in scores if of_file["group"] == group.group])
        header = "".join(f"{score.label:>{_COLUMN}}" for score in shown)
        lines += ["", f"{f'{group.group} ({group.files} files)':<{_FIRST_COLUMN}}{header}"]
        lines.append(_line("  mean", means, shown))
        intervals = {name: of_group.interval for name, of_group in group.means.items()}
        lines.append(_line("  95 % interval, +-", intervals, shown))
        lines += [_line(f"  {of_file['file']}", of_file, shown) for of_file in members[:worst]]
    return "\n".join(lines[1:])


def _line(title: str, values: dict[str, Any], shown: Sequence[Score]) -> str:
    if len(title) > _FIRST_COLUMN:
        title = f"  ...{title[5 - _FIRST_COLUMN :]}"
    numbers = (values.get(score.name, float("nan")) for score in shown)
    cells = (score.pattern.format(x) if np.isfinite(x) else "-" for score, x in zip(shown, numbers, strict=True))
    return f"{title:<{_FIRST_COLUMN}}" + "".join(f"{cell:>{_COLUMN}}" for cell in cells)


def write_json(path: Path, source: str, scores: Sequence[dict[str, Any]], overwrite: bool) -> None:
    """What was scored, the means of every group and speaker, and the scores of every file; null where there is none."""
    contents = {"source": source, "groups": [asdict(group) for group in groups(scores)], "files": list(scores)}
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(json_text(contents), encoding="utf-8")
