"""Score a model on the corpus' held-out recordings: all of `dev` and `singing`, one utterance of each `unseen` speaker.

    python recipes/quickstart/score.py CORPUS_DIR [--model MODEL] [--json scores.json] [--wavs DIR]

Prints the mean of each split and speaker, worst files first. F0 is WORLD Harvest's, as `wavehax resynth` has it.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np

import wavehax
from wavehax.audio import read_audio, write_audio
from wavehax.evaluate import metrics
from wavehax.features import f0_from_audio, log_mel

SPLITS = ("dev", "unseen", "singing")


def chosen_rows(corpus: Path, splits: list[str]) -> list[dict[str, str]]:
    """Manifest rows to score; of `unseen` the first file by name of each speaker."""
    with (corpus / "MANIFEST.tsv").open(newline="") as file:
        rows = sorted(csv.DictReader(file, delimiter="\t"), key=lambda row: row["file"])
    seen: set[str] = set()
    chosen = []
    for row in rows:
        if row["split"] not in splits or (row["split"] == "unseen" and row["speaker"] in seen):
            continue
        seen.add(row["speaker"])
        chosen.append(row)
    return chosen


def score_file(corpus: Path, model: str | None, wavs: Path | None, row: dict[str, str]) -> dict:
    """Vocode one recording and score the result."""
    voc = wavehax.load(model)
    wave, rate = read_audio(corpus / row["file"], voc.sample_rate)
    f0 = f0_from_audio(wave, voc.features)
    made = voc(log_mel(wave, voc.features), f0)[: len(wave)]
    if wavs:
        write_audio(wavs / (Path(row["file"]).stem + ".wav"), made, rate, overwrite=True)
    reference_f0 = metrics.harvest(wave, rate)
    pitch = metrics.f0_scores(reference_f0, metrics.harvest(made, rate))
    return {
        **{key: row[key] for key in ("file", "split", "speaker")},
        "pesq_wb": _or_nan(partial(metrics.pesq_wb, wave, made, rate)),
        "stoi": metrics.stoi(wave, made, rate),
        "mcd_db": metrics.mel_cepstral_distortion(wave, made, rate, reference_f0),
        "f0_rmse_cents": pitch.rmse_cents,
        "gross_pitch_error": pitch.gross_pitch_error,
        "voicing_error": pitch.voicing_error,
        "mel_l1": metrics.mel_l1(wave, made, rate),
    }


def _or_nan(score) -> float:
    try:
        return score()
    except ValueError:  # PESQ finds no speech in some sung notes
        return float("nan")


def means(scores: list[dict], key: str) -> dict[str, dict[str, float]]:
    """Mean of every number, by the value of `key`; files where a score does not exist are left out of its mean."""
    groups: dict[str, list[dict]] = defaultdict(list)
    for score in scores:
        groups[score[key]].append(score)
    numbers = [name for name, value in scores[0].items() if isinstance(value, float)]
    return {
        group: {"files": len(members), **{name: _mean([m[name] for m in members]) for name in numbers}}
        for group, members in groups.items()
    }


def _mean(values: list[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def report(scores: list[dict], worst: int) -> None:
    """Print tables."""
    for split, numbers in means(scores, "split").items():
        members = [score for score in scores if score["split"] == split]
        print(f"\n{split}: {_line(numbers)}")
        if split != "singing":
            for speaker, of_speaker in sorted(means(members, "speaker").items(), key=lambda item: item[1]["pesq_wb"]):
                print(f"  {speaker:<24}{_line(of_speaker)}")
        print(f"  worst by PESQ, of {sum(np.isfinite(s['pesq_wb']) for s in members)} that have one:")
        for score in sorted(members, key=lambda score: np.nan_to_num(score["pesq_wb"], nan=9))[:worst]:
            print(f"  {score['file']:<58} {score['pesq_wb']:.2f}  V/UV {score['voicing_error']:.1%}")


def _line(n: dict[str, float]) -> str:
    return (
        f"n {n['files']:<3} PESQ {n['pesq_wb']:.3f}  STOI {n['stoi']:.4f}  MCD {n['mcd_db']:.2f} dB"
        f"  F0 {n['f0_rmse_cents']:.1f} cents  GPE {n['gross_pitch_error']:.2%}  V/UV {n['voicing_error']:.2%}"
        f"  mel L1 {n['mel_l1']:.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="folder with MANIFEST.tsv")
    parser.add_argument("--model", help="a model file or the name of a shipped one; the default one if left out")
    parser.add_argument("--splits", nargs="+", default=list(SPLITS), choices=SPLITS)
    parser.add_argument("--json", type=Path, help="file for means and the scores of every file")
    parser.add_argument("--wavs", type=Path, help="folder for what was synthesised")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--worst", type=int, default=5, help="files listed per split")
    arguments = parser.parse_args()
    if arguments.wavs:
        arguments.wavs.mkdir(parents=True, exist_ok=True)
    rows = chosen_rows(arguments.corpus, arguments.splits)
    started = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(arguments.jobs) as pool:
        scores = pool.map(partial(score_file, arguments.corpus, arguments.model, arguments.wavs), rows, chunksize=4)
    report(scores, arguments.worst)
    print(f"\n{len(scores)} files in {time.monotonic() - started:.0f} s")
    if arguments.json:
        contents = {"splits": means(scores, "split"), "speakers": means(scores, "speaker"), "files": scores}
        arguments.json.write_text(json.dumps(contents, indent=1).replace(": NaN", ": null"))


if __name__ == "__main__":
    main()
