"""Compares ways to find the F0 of a recording, on recordings and on voices with exact labels.

python recipes/f0/compare.py MANIFEST.tsv --files 12 --seconds 5

Sets are the splits dev, unseen and singing; the split singing at 1.5, 2 and 2.5 times its speed;
and `exact`: recordings that WORLD synthesised again with a contour that is known at every frame, at
half to three times their pitch. The reference of recordings is Harvest from 70 to 500 Hz, that of
a sped-up one the same times its speed. PESQ is that of the recording synthesised again.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
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
from wavehax.mel.world import resynthesise

Case = tuple[np.ndarray, np.ndarray]  # recording [N], and its true F0 [T] in Hz

SPEECH: dict[str, Any] = {"f0_min": 70.0, "f0_max": 500.0, "method": "harvest"}
SPEEDS = (1.0, 1.5, 2.0, 2.5)
FACTORS = (0.5, 1.0, 2.0, 3.0)


METHODS = (
    "harvest 70-500",
    "harvest 50-1200",
    "two-pass",
    "two-pass, agreeing",
    "predicted",
    "refined",
)


def contours(audio: np.ndarray, mel: np.ndarray, voc: wavehax.Vocoder) -> Iterator[np.ndarray]:
    """The F0 of a recording by each of METHODS, [T] in Hz.

    `two-pass, agreeing` is voiced where the predictor finds a voice too.
    """
    features, predicted = voc.features, voc.f0(mel)
    yield f0_from_audio(audio, features, **SPEECH)
    yield f0_from_audio(audio, features, method="harvest")
    twice = f0_from_audio(audio, features, method="two-pass")
    yield twice
    yield np.where(predicted > 0, twice, 0)
    yield predicted
    yield f0_from_audio(audio, features, method="refined", predicted=predicted)


def main() -> None:
    """Print a table with a row for each set and method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", help="as wavehax.load takes it")
    parser.add_argument("--files", type=int, default=12, help="recordings of each set (default 12)")
    parser.add_argument(
        "--seconds", type=float, default=5, help="of each recording, its first (default 5)"
    )
    parser.add_argument(
        "--whispers", type=Path, nargs="*", default=[], help="recordings without any voice"
    )
    parser.add_argument("--without-pesq", action="store_true", help="and without its time")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    voc = wavehax.load(arguments.model)
    print(f"{'set':<14}{'method':<20}{'gross %':>8}{'V/UV %':>8}{'cents':>7}{'PESQ':>7}")
    for name, cases, scored in _sets(arguments, voc):
        for method, row in _rows(voc, cases, scored and not arguments.without_pesq):
            print(f"{name:<14}{method:<20}{row}", flush=True)


def _rows(voc: wavehax.Vocoder, cases: list[Case], scored: bool) -> Iterator[tuple[str, str]]:
    found: dict[str, list[np.ndarray]] = {method: [] for method in METHODS}
    quality: dict[str, list[float]] = {method: [] for method in METHODS}
    for audio, _ in cases:
        mel = log_mel(audio, voc.features)
        for method, f0 in zip(METHODS, contours(audio, mel, voc), strict=True):
            found[method].append(f0)
            if scored:
                made = voc(mel, f0)[: len(audio)]
                quality[method].append(pesq_wb(audio, made, voc.sample_rate))
    truth = np.concatenate([f0 for _, f0 in cases])
    for method in METHODS:
        scores = f0_scores(truth, np.concatenate(found[method]))
        shares = f"{100 * scores.gross_pitch_error:>8.2f}{100 * scores.voicing_error:>8.2f}"
        pesq = f"{np.nanmean(quality[method]):>7.3f}" if scored else ""
        yield method, f"{shares}{scores.rmse_cents:>7.1f}{pesq}"


def _sets(
    arguments: argparse.Namespace, voc: wavehax.Vocoder
) -> Iterator[tuple[str, list[Case], bool]]:
    """Name, recordings with their F0, and whether PESQ is taken."""
    waves = {
        split: [
            read_audio(path, voc.sample_rate)[0][: round(arguments.seconds * voc.sample_rate)]
            for path in _some(arguments.manifest, split, arguments.files)
        ]
        for split in ("dev", "unseen", "singing")
    }
    if arguments.whispers:
        quiet = [read_audio(path, voc.sample_rate)[0] for path in arguments.whispers]
        frames = [log_mel(wave, voc.features).shape[1] for wave in quiet]
        yield (
            "whispers",
            [(w, np.zeros(n, np.float32)) for w, n in zip(quiet, frames, strict=True)],
            False,
        )
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
    f0 = f0_from_audio(wave, voc.features, **SPEECH).astype(np.float64)
    made = resynthesise(wave, f0, factor, voc.sample_rate, voc.hop_length)
    return made, (factor * f0).astype(np.float32)


if __name__ == "__main__":
    main()
