"""The recordings of a corpus, and which of them are held out from training."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wavehax.errors import one_line
from wavehax.files.outputs import replacing
from wavehax.mel.features import F0_MAX, F0_MIN
from wavehax.mel.pitch import METHODS

MANIFEST = "MANIFEST.tsv"
"""Name of the table of a corpus, and of the table of held-out recordings in a prepared folder."""
COLUMNS = ("file", "split", "speaker")
F0_COLUMNS = ("f0_min", "f0_max")


@dataclass(frozen=True)
class Recording:
    """One file of a corpus.

    Only the split `train` is trained on. Evaluation knows two more: `dev` has other utterances of
    the voices in `train`, `unseen` has other voices.
    """

    path: Path
    speaker: str
    split: str = "train"
    f0_min: float = F0_MIN  # Hz
    f0_max: float = F0_MAX  # Hz; 0: unvoiced throughout, as whispers are
    f0_method: str = METHODS[0]  # one of wavehax.mel.pitch.RECORDING_METHODS
    mel: Path | None = None  # file of a mel that is given; None: the mel is computed

    def __post_init__(self) -> None:
        if self.f0_max != 0 and not 0 < self.f0_min < self.f0_max:
            found = f"f0_min={self.f0_min}, f0_max={self.f0_max}"
            raise ValueError(
                f"{self.path}: {found}: expected 0 < f0_min < f0_max, or f0_max=0 where unvoiced"
            )


def find(corpus: Path, pattern: str) -> list[Path]:
    """The files of `corpus` that match a `pattern` of `Path.glob`, in the order of their names.

    Raises:
        FileNotFoundError: there is none; the message names the pattern.
    """
    found = sorted(path for path in corpus.glob(pattern) if path.is_file())
    if not found:
        raise FileNotFoundError(f"{corpus / pattern}: no such files; is {corpus} the corpus?")
    return found


def hold_out(recordings: Iterable[Recording], every: int) -> Iterator[Recording]:
    """Move the first of every `every` recordings of split `train` to `dev`, without any chance."""
    count = 0
    for recording in recordings:
        if recording.split == "train":
            yield recording if count % every else dataclasses.replace(recording, split="dev")
            count += 1
        else:
            yield recording


def read_manifest(path: Path) -> Iterator[Recording]:
    """Read the recordings in a manifest, or in the MANIFEST.tsv of a folder.

    It is a tab-separated table with a header and at least the columns file, split and speaker.
    Files are relative to its folder. Columns f0_min and f0_max, in Hz, may give the range of F0;
    where they are empty it is the default.

    Raises:
        OSError: there is no such file.
        ValueError: it is no such table: a column or a value is missing, or F0 is no number. The
            message names the line.
    """
    path = path / MANIFEST if path.is_dir() else path
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t")
        try:
            for row in rows:
                yield _recording(path.parent, row, f"{path}: line {rows.line_num}")
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(
                f"{path}: expected a tab-separated table ({one_line(error)})"
            ) from error


def _recording(folder: Path, row: dict[str, str], place: str) -> Recording:
    missing = [name for name in COLUMNS if not row.get(name)]
    if missing:
        raise ValueError(f"{place}: no {missing[0]}; expected file, split and speaker")
    try:
        f0_range: dict[str, Any] = {name: float(row[name]) for name in F0_COLUMNS if row.get(name)}
    except ValueError as error:
        raise ValueError(f"{place}: expected f0_min and f0_max in Hz") from error
    return Recording(folder / row["file"], row["speaker"], row["split"], **f0_range)


def write_manifest(folder: Path, recordings: Iterable[Recording]) -> None:
    """Write FOLDER/MANIFEST.tsv, which evaluation reads as a corpus.

    The paths in it are absolute. Where mels are given, they have a column `mel`.
    """
    recordings = list(recordings)
    given = any(recording.mel for recording in recordings)
    with (
        replacing(folder / MANIFEST, overwrite=True) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS + F0_COLUMNS + (("mel",) if given else ()))
        for r in recordings:
            row = (r.path.resolve(), r.split, r.speaker, r.f0_min, r.f0_max)
            writer.writerow(row + ((r.mel.resolve(),) if r.mel else ()))
