"""Compares ways to find the F0 of a recording, on recordings and on voices with exact labels.

python recipes/f0/compare.py MANIFEST.tsv --files 12 --seconds 5

Sets are the splits dev, unseen and singing; the split singing at 1.5, 2 and 2.5 times its speed;
and `exact`: recordings that WORLD synthesised again with a contour that is known at every frame, at
half to three times their pitch. The reference of recordings is Harvest from 70 to 500 Hz, that of
a sped-up one the same times its speed. PESQ is that of the recording synthesised again.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import wavehax
from wavehax.data.corpus import read_manifest
from wavehax.evaluate.metrics import pesq_wb
from wavehax.evaluate.pitch import f0_scores
from wavehax.features import f0_from_audio, log_mel
from wavehax.files.resample import resample
from wavehax.files.sound import read_audio

Case = tuple[np.ndarray, np.ndarray]  # recording [N], and its true F0 [T] in Hz

SPEECH: dict[str, Any] = {"f0_min": 70.0, "f0_max": 500.0, "method": "harvest"}
SPEEDS = (1.0, 1.5, 2.0, 2.5)
FACTORS = (0.5, 1.0, 2.0, 3.0)


def agreeing(audio: np.ndarray, voc: wavehax.Vocoder, predicted: np.ndarray) -> np.ndarray:
    """The two passes of Harvest where the predictor finds a voice too, else 0."""
    return np.where(predicted > 0, f0_from_audio(audio, voc.features, method="two-pass"), 0)


METHODS: dict[str, Callable[..., np.ndarray]] = {
    "harvest 70-500": lambda a, voc, p: f0_from_audio(a, voc.features, **SPEECH),
    "harvest 50-1200": lambda a, voc, p: f0_from_audio(a, voc.features, method="harvest"),
    "two-pass": lambda a, voc, p: f0_from_audio(a, voc.features, method="two-pass"),
    "two-pass, agreeing": agreeing,
    "predicted": lambda a, voc, p: p,
    "refined": lambda a, voc, p: f0_from_audio(a, voc.features, method="refined", predicted=p),
}


def main() -> None:
    """Print a table with a row for each set and method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", help="as wavehax.load takes it")
    parser.add_argument("--files", type=int, default=12, help="recordings of each set (default 12)")
    parser.add_argument(
        "--seconds", type=float, default=5, help="of each recording, its first (default 5)"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    voc = wavehax.load(arguments.model)
    print(f"{'set':<14}{'method':<20}{'gross %':>8}{'V/UV %':>8}{'cents':>7}{'PESQ':>7}{'s':>7}")
    for name, cases, scored in _sets(arguments.manifest, arguments.files, arguments.seconds, voc):
        for method, find in METHODS.items():
            print(f"{name:<14}{method:<20}{_row(voc, cases, find, scored)}", flush=True)


def _row(voc: wavehax.Vocoder, cases: list[Case], find: Callable, scored: bool) -> str:
    found, quality, seconds = [], [], 0.0
    for audio, _ in cases:
        mel = log_mel(audio, voc.features)
        start = time.perf_counter()
        f0 = find(audio, voc, voc.f0(mel))
        seconds += time.perf_counter() - start
        found.append(f0)
        if scored:
            quality.append(pesq_wb(audio, voc(mel, f0)[: len(audio)], voc.sample_rate))
    truth = np.concatenate([f0 for _, f0 in cases])
    scores = f0_scores(truth, np.concatenate(found))
    pesq = f"{np.nanmean(quality):>7.3f}" if scored else " " * 7
    shares = f"{100 * scores.gross_pitch_error:>8.2f}{100 * scores.voicing_error:>8.2f}"
    return f"{shares}{scores.rmse_cents:>7.1f}{pesq}{seconds:>7.1f}"


def _sets(
    manifest: Path, count: int, seconds: float, voc: wavehax.Vocoder
) -> Iterator[tuple[str, list[Case], bool]]:
    """Name, recordings with their F0, and whether PESQ is taken."""
    waves = {
        split: [
            read_audio(path, voc.sample_rate)[0][: round(seconds * voc.sample_rate)]
            for path in _some(manifest, split, count)
        ]
        for split in ("dev", "unseen", "singing")
    }
    for factor in FACTORS:
        chosen = waves["dev"][::2] + waves["unseen"][::2]
        yield f"exact x{factor:g}", [_exact(wave, factor, voc) for wave in chosen], False
    for speed in SPEEDS[1:]:
        yield f"singing x{speed:g}", [_sped_up(wave, speed, voc) for wave in waves["singing"]], True
    for split in waves:
        cases = [(wave, f0_from_audio(wave, voc.features, **SPEECH)) for wave in waves[split]]
        yield split, cases, True


def _some(manifest: Path, split: str, count: int) -> list[Path]:
    """Recordings of a split, evenly from those in the order of their names."""
    paths = sorted(r.path for r in read_manifest(manifest) if r.split == split)
    return [paths[i * len(paths) // count] for i in range(min(count, len(paths)))]


def _sped_up(wave: np.ndarray, speed: float, voc: wavehax.Vocoder) -> Case:
    fast = resample(wave, round(voc.sample_rate * speed), voc.sample_rate)
    f0 = f0_from_audio(wave, voc.features, **SPEECH)
    frames = log_mel(fast, voc.features).shape[1]
    nearest = np.minimum(np.rint(np.arange(frames) * speed).astype(int), len(f0) - 1)
    return fast, f0[nearest] * np.float32(speed)


def _exact(wave: np.ndarray, factor: float, voc: wavehax.Vocoder) -> Case:
    """A voice of WORLD whose F0 is Harvest's of the recording times `factor`."""
    import pyworld

    rate, hop = voc.sample_rate, voc.hop_length
    f0 = f0_from_audio(wave, voc.features, **SPEECH).astype(np.float64)
    audio, times = wave.astype(np.float64), np.arange(len(f0)) * hop / rate
    envelope, noise = (
        pyworld.cheaptrick(audio, f0, times, rate),
        pyworld.d4c(audio, f0, times, rate),
    )
    made = pyworld.synthesize(factor * f0, envelope, noise, rate, 1000 * hop / rate)
    made = np.pad(made, (0, max(0, len(wave) - len(made))))[: len(wave)].astype(np.float32)
    return made, (factor * f0).astype(np.float32)


if __name__ == "__main__":
    main()
