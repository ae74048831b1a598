"""Which scores there are, and how each is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

RECORDING, DIFFERENCE = "_recording", "_difference"
"""What follows the name of a measure: the recording's own figure, and the output's less the
recording's."""


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
    Score(
        "f0_rmse_cents",
        "F0 RMSE",
        "cents, over frames voiced in both without gross errors",
        "{:.1f}",
        False,
    ),
    Score(
        "f0_median_cents",
        "F0 median",
        "cents, of the absolute error over the same frames",
        "{:.1f}",
        False,
    ),
    Score(
        "gross_pitch_error",
        "GPE",
        "frames voiced in both with F0 off by more than 20 %",
        "{:.2%}",
        False,
    ),
    Score("voicing_error", "V/UV", "frames voiced in one and not in the other", "{:.2%}", False),
    Score(
        "voicing_f1",
        "V/UV F1",
        "harmonic mean of precision and recall of voiced frames",
        "{:.4f}",
        True,
    ),
    Score("periodicity_error", "period.", "RMS difference of periodicity, 0 to 1", "{:.4f}", False),
    Score("mel_l1", "mel L1", "log-mel difference, mean of four resolutions", "{:.4f}", False),
    Score(
        "stft_distance", "STFT", "multi-resolution STFT loss of Parallel WaveGAN", "{:.4f}", False
    ),
)
"""Of the likeness to a recording, in the order in which they are shown. Defined in metrics.py and
pitch.py."""


def _measures() -> Iterable[Score]:
    sense = "predicted by a network from the sound alone, 1 to 5"
    yield Score(
        "distillmos", "Distill", f"mean opinion score by DistillMOS, {sense}", "{:.3f}", True
    )
    yield Score("dnsmos", "DNSMOS", f"overall quality by DNSMOS P.835, {sense}", "{:.3f}", True)
    for kind, letter in (("voiced", "V"), ("unvoiced", "U")):
        for edge, band in (("1k", "1-4 kHz"), ("4k", "4-8 kHz"), ("8k", "8-11.5 kHz")):
            meaning = f"power folded over a hop, peak over valley in dB: {kind} sound, {band}"
            yield Score(f"fold_{kind}_{edge}", f"fold{letter}{edge}", meaning, "{:.1f}", False)
    for edge, band in (("1k", "1-2 kHz"), ("2k", "2-4 kHz"), ("4k", "4-8 kHz"), ("8k", "8-12 kHz")):
        meaning = f"harmonics over the middle between them in dB, {band}"
        yield Score(f"harmonics_{edge}", f"harm{edge}", meaning, "{:.1f}", True)
    meaning = (
        "correlation of unvoiced sound above 1 kHz with itself, a Fourier transform of the model"
        " later"
    )
    yield Score("lag_correlation", "lag", meaning, "{:.3f}", False)
    meaning = "correlation of unvoiced sound above 1 kHz with that of another seed"
    yield Score("seed_correlation", "seeds", meaning, "{:.3f}", False)


MEASURES = tuple(_measures())
"""Of the output and of its recording, each for itself, in the order in which they are shown.

NAME is the output's, NAME_recording the recording's and NAME_difference by how much the first is
more. Defined in naturalness.py and texture.py.
"""


def with_differences(measures: dict[str, float]) -> dict[str, float]:
    """Measures by name, and NAME_difference of those that the recording has too."""
    differences = {
        name + DIFFERENCE: value - measures[name + RECORDING]
        for name, value in measures.items()
        if name + RECORDING in measures
    }
    return measures | differences


def shown_scores(scores: Sequence[dict[str, Any]]) -> list[Score]:
    """Those of SCORES that at least one file has."""
    return _shown(SCORES, scores)


def shown_measures(scores: Sequence[dict[str, Any]]) -> list[Score]:
    """Those of MEASURES that at least one file has."""
    return _shown(MEASURES, scores)


def _shown(of: Sequence[Score], scores: Sequence[dict[str, Any]]) -> list[Score]:
    return [
        score
        for score in of
        if any(np.isfinite(of_file.get(score.name, np.nan)) for of_file in scores)
    ]


def names_of(scores: Sequence[dict[str, Any]]) -> list[str]:
    """Names of all scores and measures that at least one file has, with those of recordings and
    differences."""
    every = [score.name for score in SCORES]
    every += [
        measure.name + suffix for measure in MEASURES for suffix in ("", RECORDING, DIFFERENCE)
    ]
    return [
        name for name in every if any(np.isfinite(of_file.get(name, np.nan)) for of_file in scores)
    ]
