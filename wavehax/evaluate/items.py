"""Lists what is scored: recordings of a manifest or a folder, each with the sound made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wavehax.data.contours import HIGHEST
from wavehax.data.corpus import read_manifest
from wavehax.evaluate import SPLITS
from wavehax.files.sound import sound_type
from wavehax.mel.features import F0_MAX, F0_MIN
from wavehax.mel.pitch import METHODS

_ONE_A_SPEAKER = "unseen"  # in this split each speaker's first file stands for the speaker


@dataclass(frozen=True)
class Item:
    """One recording to score."""

    name: str  # name of the file in a report
    group: str  # split of the manifest, or folder; "all" where there is none
    speaker: str  # "" where unknown
    natural: Path
    generated: Path | None = None  # None: a model makes it
    # Hz; the recording's F0 is searched for in this range.
    f0_range: tuple[float, float] = (F0_MIN, F0_MAX)
    f0_method: str = METHODS[0]  # one of wavehax.mel.pitch.RECORDING_METHODS
    speed: float = 1.0  # at which the recording is played, before anything else


def at_speeds(items: Sequence[Item], speeds: Sequence[float]) -> list[Item]:
    """Every item at each of the speeds, which count once; all of one speed together.

    At another speed than 1, name and group say so, and the range of F0 is multiplied by it. Its
    upper end does not rise above 1,400 Hz, the highest F0 that a predictor learns.
    """
    return [
        item if speed == 1 else _at_speed(item, speed)
        for speed in dict.fromkeys(speeds)
        for item in items
    ]


def _at_speed(item: Item, speed: float) -> Item:
    low, high = (edge * speed for edge in item.f0_range)
    if low < HIGHEST:
        high = min(high, max(HIGHEST, item.f0_range[1]))  # a range that is given stays as wide
    name, group = (f"{text}, {speed:g} times as fast" for text in (item.name, item.group))
    return replace(item, name=name, group=group, f0_range=(low, high), speed=speed)


def manifest_items(manifest: Path, splits: Sequence[str] | None = None) -> list[Item]:
    """The recordings of a manifest that are scored, in the order of `splits` and then by name.

    They are all recordings of a split, except that `unseen` has only the first of each speaker.

    Args:
        manifest: a table as `wavehax.data.corpus.read_manifest` reads it.
        splits: names of splits. None takes those of SPLITS that the manifest has.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such table, a column is missing, a value makes no sense, or a split has
            no recording.
    """
    recordings = sorted(read_manifest(manifest), key=lambda recording: recording.path)
    splits = _chosen(manifest, splits, {recording.split for recording in recordings})
    heard: set[str] = set()
    items = []
    for recording in recordings:
        if recording.split not in splits or (
            recording.split == _ONE_A_SPEAKER and recording.speaker in heard
        ):
            continue
        if recording.split == _ONE_A_SPEAKER:
            heard.add(recording.speaker)
        name, f0_range = (
            _name(recording.path, manifest.parent),
            (recording.f0_min, recording.f0_max),
        )
        items.append(
            Item(name, recording.split, recording.speaker, recording.path, f0_range=f0_range)
        )
    return sorted(items, key=lambda item: splits.index(item.group))


def _chosen(manifest: Path, splits: Sequence[str] | None, there: set[str]) -> list[str]:
    """The splits to score; all of them are among those that are there."""
    has = f"it has {', '.join(sorted(there)) or 'no recordings'}"
    if splits is None:
        chosen = [split for split in SPLITS if split in there]
        if not chosen:
            raise ValueError(
                f"{manifest}: nothing is in the splits {', '.join(SPLITS)}: {has}; --splits names"
                " those to score"
            )
        return chosen
    for split in splits:
        if split not in there:
            raise ValueError(f"{manifest}: nothing is in split {split!r}: {has}")
    return list(splits)


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def folder_items(natural: Path, generated: Path) -> list[Item]:
    """The sound files of a folder, each with its recording in another folder.

    The recording has the same relative path, except perhaps for the suffix. The group of a file is
    the folder that it lies in.

    Args:
        natural: folder of the recordings.
        generated: folder of the sounds made from them.

    Raises:
        ValueError: a folder does not exist or has no sound files, two files have the same name, or
            a recording is missing.
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
    """The sound files of a folder by relative path without suffix, sorted."""
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
