"""Scores many pairs of recordings and outputs, several at once."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from wavehax.errors import ignore_import_warnings
from wavehax.evaluate import metrics, pitch
from wavehax.evaluate.items import Item
from wavehax.evaluate.naturalness import naturalness
from wavehax.evaluate.octaves import octave_scores
from wavehax.evaluate.scores import with_differences
from wavehax.evaluate.synthesis import Pair, Synthesis
from wavehax.evaluate.texture import texture
from wavehax.files import batch

Scorer = Callable[[Pair], dict[str, Any]]
"""Scores a recording and what was made from it: values by name."""


def score_all(
    items: Sequence[Item], synthesis: Synthesis, jobs: int, scorer: Scorer | None = None
) -> tuple[list[dict[str, Any]], int]:
    """Make and score every item, `jobs` at a time, in processes of their own if more than one.

    Each item that fails gives one line on standard error.

    Args:
        items: what is scored.
        synthesis: makes the pairs.
        jobs: how many are scored at once.
        scorer: scores a pair, a function of a module; None stands for `pair_scores`.

    Returns:
        `item_scores` of those that did not fail, in order, and the number of those that failed.
    """
    tasks = [(item, synthesis, scorer or pair_scores) for item in items]
    with _pool(jobs) as pool:
        results = batch.collect(pool, item_scores, tasks, [item.name for item in items])
    scores = [score for score in results if score is not None]
    return scores, len(items) - len(scores)


def item_scores(item: Item, synthesis: Synthesis, scorer: Scorer) -> dict[str, Any]:
    """Make and score an item: `file`, `group`, `speaker`, and what `scorer` finds."""
    return {
        "file": item.name,
        "group": item.group,
        "speaker": item.speaker,
        **scorer(synthesis(item)),
    }


def pair_scores(pair: Pair) -> dict[str, Any]:
    """All scores of a pair by the names in scores.py; nan where one does not exist for this sound.

    Those of `octaves.octave_scores` are among them.

    With scaled F0, only those of pitch and voicing are computed.
    """
    natural, made, rate = pair.natural, pair.generated, pair.sample_rate
    made_f0 = pitch.harvest(made, rate, pair.f0_range, pair.f0_method)
    contours = pitch.f0_scores(pair.f0, made_f0)
    scores = {
        "f0_rmse_cents": contours.rmse_cents,
        "f0_median_cents": contours.median_cents,
        "gross_pitch_error": contours.gross_pitch_error,
        "voicing_error": contours.voicing_error,
        "voicing_f1": contours.voicing_f1,
        **octave_scores(pair, made_f0),
    }
    if pair.f0_scale != 1:
        return scores
    alike = {
        "pesq_wb": _or_nan(functools.partial(metrics.pesq_wb, natural, made, rate)),
        "stoi": metrics.stoi(natural, made, rate),
        "mcd_db": metrics.mel_cepstral_distortion(natural, made, rate, pair.f0),
    }
    distances = {
        "periodicity_error": pitch.periodicity_error(natural, made, rate),
        "mel_l1": metrics.mel_l1(natural, made, rate),
        "stft_distance": metrics.stft_distance(natural, made),
    }
    measures = naturalness(natural, made, rate)
    measures |= texture(natural, made, pair.other_seed, rate, pair.f0, pair.hop_length, pair.n_fft)
    return alike | scores | distances | with_differences(measures)


def _or_nan(score: Callable[[], float]) -> float:
    try:
        return score()
    except ValueError:  # PESQ finds no speech in some sung notes
        return float("nan")


def _pool(jobs: int) -> Executor:
    """A pool of processes, because Harvest, PESQ and STOI hold the interpreter's lock."""
    if jobs == 1:
        return ThreadPoolExecutor(1)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=ignore_import_warnings)
