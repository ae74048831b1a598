"""`wavehax evaluate f0`: F0 that a model predicts from the mel against what Harvest finds in the
recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import wavehax
from wavehax.arguments import Parser
from wavehax.audio import read_audio
from wavehax.errors import optional_module
from wavehax.evaluate.items import SPLITS, Item, manifest_items
from wavehax.evaluate.pitch import F0Scores, f0_in_range, f0_scores
from wavehax.evaluate.synthesis import check_predictor
from wavehax.features import log_mel
from wavehax.vocoder import Vocoder

DESCRIPTION = """Score the F0 that a model predicts from the mels of recordings against WORLD
Harvest's, over all frames of a split; then that from the same mels smoothed over bands and over
frames, as those of an acoustic model are; then what Harvest itself finds in the recording a third
of a millisecond later, which no predictor can be expected to beat. Needs the extra [f0]."""

_KINDS = ("recorded", "smoothed", "harvest")
_LATER_SECONDS = 1 / 3000  # an eighth of the shortest period that is searched for


def main(argv: Sequence[str]) -> int:
    """Run `wavehax evaluate f0 ARGV`.

    Raises:
        UsageError: the arguments make no sense.
        ValueError, OSError: the model predicts no F0, or an input is not as expected.
    """
    arguments = _parser().parse_args(argv)
    optional_module("pyworld", "evaluation", "wavehax[f0]")
    voc = wavehax.load(arguments.model)
    check_predictor(voc)
    items = manifest_items(arguments.data, arguments.splits)
    print(
        f"{'from':<10}{'split':<10}{'files':>6}{'gross %':>9}{'V/UV %':>9}"
        f"{'RMSE cents':>12}{'median':>8}"
    )
    for split in arguments.splits:
        recordings = [item for item in items if item.group == split]
        for kind, scores in zip(_KINDS, f0_agreement(voc, recordings), strict=True):
            shares = f"{100 * scores.gross_pitch_error:>9.2f}{100 * scores.voicing_error:>9.2f}"
            cents = f"{scores.rmse_cents:>12.1f}{scores.median_cents:>8.1f}"
            print(f"{kind:<10}{split:<10}{len(recordings):>6}{shares}{cents}", flush=True)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="wavehax evaluate f0", description=DESCRIPTION)
    help_text = "table (.tsv) with columns file, split, speaker"
    parser.add_argument("--data", type=Path, required=True, metavar="MANIFEST", help=help_text)
    parser.add_argument(
        "--model", metavar="MODEL", help="model file, or name of a shipped one (default: vocos-24k)"
    )
    help_text = f"of the manifest (default {' '.join(SPLITS)})"
    parser.add_argument("--splits", nargs="+", default=SPLITS, metavar="SPLIT", help=help_text)
    return parser


def f0_agreement(voc: Vocoder, items: Sequence[Item]) -> list[F0Scores]:
    """Scores against Harvest, over all frames together, of each of _KINDS.

    That is of predictions from the mels of recordings, of those from smoothed mels, and of what
    Harvest finds in the recordings _LATER_SECONDS later: how far it agrees with itself.

    Raises:
        OSError, ValueError: a recording cannot be read, or the model predicts no F0.
    """
    contours: list[tuple[np.ndarray, ...]] = []
    for item in items:
        audio, rate = read_audio(item.natural, voc.sample_rate)
        mel = log_mel(audio, voc.features)
        later = np.concatenate([np.zeros(round(_LATER_SECONDS * rate), np.float32), audio])[
            : len(audio)
        ]
        measured = [f0_in_range(sound, voc.features, item.f0_range) for sound in (audio, later)]
        contours.append((measured[0], voc.f0(mel), voc.f0(smoothed(mel)), measured[1]))
    reference, *others = (np.concatenate(parts) for parts in zip(*contours, strict=True))
    return [f0_scores(reference, other) for other in others]


def smoothed(mel: np.ndarray) -> np.ndarray:
    """A log-mel [n_mels, T] under the taps 1/4, 1/2, 1/4 over bands and over frames, its edges
    repeated."""
    for axis in (0, 1):
        mel = np.moveaxis(mel, axis, 0)
        padded = np.concatenate([mel[:1], mel, mel[-1:]])
        mel = np.moveaxis(padded[:-2] / 4 + padded[1:-1] / 2 + padded[2:] / 4, 0, axis)
    return np.ascontiguousarray(mel)
