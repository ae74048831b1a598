"""What is scored: recordings that a manifest or a folder names, and what was made from each."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wavehax.files import sound_type

SPLITS = ("dev", "unseen", "singing")
"""Those of a manifest that are scored unless others are asked for."""

_ONE_A_SPEAKER = "unseen"  # the split of which each speaker's first file stands for the speaker


@dataclass(frozen=True)
class Item:
    """One recording to score."""

    name: str  # file, as a report shows it
    group: str  # split of the manifest, or folder; "all" where there is none
    speaker: str  # "" where unknown
    natural: Path
    generated: Path | None = None  # None: a model makes it


def manifest_items(manifest: Path, splits: Sequence[str]) -> list[Item]:
    """Recordings of a tab-separated manifest with columns file (relative to its folder), split and speaker.

    All of each split, but of `unseen` the first file by name of each speaker; by split as given, then by name.

    Raises:
        OSError, UnicodeDecodeError: the file cannot be read.
        ValueError: a column is missing, or nothing is in one of the splits.
    """
    with manifest.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter="\t")
        missing = {"file", "split", "speaker"} - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"{manifest}: no column {sorted(missing)[0]!r}: expected file, split and speaker")
        rows = sorted(reader, key=lambda row: row["file"])
    for split in splits:
        if not any(row["split"] == split for row in rows):
            raise ValueError(f"{manifest}: nothing is in split {split!r}")
    heard: set[str] = set()
    items = []
    for row in rows:
        if row["split"] not in splits or (row["split"] == _ONE_A_SPEAKER and row["speaker"] in heard):
            continue
        if row["split"] == _ONE_A_SPEAKER:
            heard.add(row["speaker"])
        items.append(Item(row["file"], row["split"], row["speaker"], manifest.parent / row["file"]))
    return sorted(items, key=lambda item: splits.index(item.group))


def folder_items(natural: Path, generated: Path) -> list[Item]:
    """Sound files of `generated`, each with the recording of the same relative path (save the suffix) in `natural`.

    The group of a file is the folder it lies in.

    Raises:
        ValueError: no such folder, no sound file in it, two of one name, or one whose recording is not there.
    """
    recordings = _sound_files(natural)
    items = []
    for name, path in _sound_files(generated).items():
        if name not in recordings:
            raise ValueError(f"{path}: {natural} has no recording of this name")
        folder = str(Path(name).parent)
        items.append(Item(name, "all" if folder == "." else folder, "", recordings[name], path))
    return items


def _sound_files(folder: Path) -> dict[str, Path]:
    """By relative path without suffix, sorted."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _is_sound(path):
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in found:
                raise ValueError(f"{found[name]} and {path}: expected one of them")
            found[name] = path
    if not found:
        raise ValueError(f"{folder}: no sound files in it")
    return found


def _is_sound(path: Path) -> bool:
    try:
        return bool(sound_type(path))
    except ValueError:
        return False
