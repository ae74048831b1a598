"""Counts how often a model calls F0 late or early, where it is not and where it is.

python recipes/f0/timing.py MANIFEST.tsv

F0 is that of DIO and StoneMask of WORLD, 70 to 500 Hz, of the first 5 s of each recording: of the
split dev, of every fourth of unseen and every sixth of singing.
"""

from __future__ import annotations

import csv
import sys
import warnings
from pathlib import Path

import numpy as np
import pyworld

import wavehax
from wavehax.features import log_mel
from wavehax.files.sound import read_audio
from wavehax.mel.plausible_f0 import warn_of_timing

SPLITS = {"dev": 1, "unseen": 4, "singing": 6}  # and of how many recordings one is taken
SHIFTS = (0, 1, -1)


def main(manifest: Path) -> None:
    """Print, for each shift in frames, how many contours were warned of."""
    voc = wavehax.load()
    rate, hop = voc.sample_rate, voc.hop_length
    counts = dict.fromkeys(SHIFTS, 0)
    paths = _paths(manifest)
    for path in paths:
        wave = read_audio(path, rate)[0][: 5 * rate].astype(np.float64)
        predicted = voc.f0(log_mel(wave, voc.features))
        found, times = pyworld.dio(
            wave, rate, f0_floor=70, f0_ceil=500, frame_period=1000 * hop / rate
        )
        f0 = np.resize(pyworld.stonemask(wave, found, times, rate), len(predicted))
        for shift in SHIFTS:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                warn_of_timing(np.roll(f0, shift), predicted)
            counts[shift] += len(said)
    for shift, count in counts.items():
        print(f"{shift:+d} frames: warned of {count} of {len(paths)}")


def _paths(manifest: Path) -> list[Path]:
    with open(manifest, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [
        manifest.parent / row["file"]
        for split, step in SPLITS.items()
        for row in [row for row in rows if row["split"] == split][::step]
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
