"""`wavehax evaluate f0`: score the F0 that a model predicts against that of the recording."""

from __future__ import annotations

import argparse
from pathlib import Path

import wavehax
from wavehax.cli import shared, types
from wavehax.errors import optional_module
from wavehax.evaluate import SPLITS
from wavehax.mel.features import f0_from_audio, log_mel
from wavehax.mel.pitch import METHODS, RECORDING_METHODS

DESCRIPTION = """Score three contours of F0 against that of WORLD Harvest, over all frames of a
split. The first is what the model predicts from the mels of recordings. For the second, these mels
are smoothed over bands and frames, as those of an acoustic model are. The third is what Harvest
itself finds when the recording begins a third of a millisecond later, which no predictor can be
expected to beat. Further rows score prediction and Harvest on voices that WORLD makes of the
recordings, around the pitch that each row names: their F0 is known. Needs the extra [f0]."""


def add(evaluate: types.Parser) -> None:
    command = evaluate.add_branch("f0", DESCRIPTION)
    help_text = "table (.tsv) with columns file, split, speaker"
    command.add_argument("--data", type=Path, required=True, metavar="MANIFEST", help=help_text)
    command.add_argument(
        "--model", metavar="MODEL", help="model file, or name of a shipped one (default: vocos-24k)"
    )
    help_text = f"splits of the manifest (default: {' '.join(SPLITS)}, where there)"
    command.add_argument("--splits", nargs="+", metavar="SPLIT", help=help_text)
    shared.add_f0_search(command, RECORDING_METHODS, given=True)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a table of scores with a row for each split and contour.

    Raises:
        ValueError, OSError: the model predicts no F0, or an input is not as expected.
    """
    from wavehax.evaluate.f0 import KINDS, f0_agreement
    from wavehax.evaluate.items import manifest_items
    from wavehax.evaluate.known_f0 import MEDIANS, known_scores
    from wavehax.evaluate.pitch import F0Scores
    from wavehax.evaluate.synthesis import check_predictor

    optional_module("pyworld", "evaluation", "wavehax[f0]")
    voc = wavehax.load(arguments.model)
    check_predictor(voc)
    listed = manifest_items(arguments.data, arguments.splits)
    items = [shared.searched(item, arguments) for item in listed]
    print(
        f"{'from':<18}{'split':<10}{'files':>6}{'gross %':>9}{'V/UV %':>9}"
        f"{'RMSE cents':>12}{'median':>8}"
    )

    def row(source: str, split: str, files: int, scores: F0Scores) -> None:
        shares = f"{100 * scores.gross_pitch_error:>9.2f}{100 * scores.voicing_error:>9.2f}"
        cents = f"{scores.rmse_cents:>12.1f}{scores.median_cents:>8.1f}"
        print(f"{source:<18}{split:<10}{files:>6}{shares}{cents}", flush=True)

    method = arguments.f0_method or METHODS[0]
    finders = {
        "mel": lambda wave: voc.f0(log_mel(wave, voc.features)),
        "harvest": lambda wave: f0_from_audio(wave, voc.features, method=method),
    }
    for split in dict.fromkeys(item.group for item in items):
        recordings = [item for item in items if item.group == split]
        for kind, scores in zip(KINDS, f0_agreement(voc, recordings), strict=True):
            row(kind, split, len(recordings), scores)
        for median in MEDIANS:
            found = known_scores(list(finders.values()), recordings, voc.features, median)
            for name, scores in zip(finders, found, strict=True):
                row(f"{name}, {median:g} Hz", split, len(recordings), scores)
    return 0
