"""What is scored: the choice of files and the pairing of folders."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from wavehax.evaluate import SPLITS
from wavehax.evaluate.items import Item, at_speeds, folder_items, manifest_items
from wavehax.mel.features import F0_MAX, F0_MIN

ROWS = [
    ("b2.wav", "unseen", "b"),
    ("a.wav", "dev", "a"),
    ("a2.wav", "dev", "a"),
    ("b1.wav", "unseen", "b"),
    ("c.wav", "train", "c"),
    ("d.wav", "singing", "d"),
    ("e.wav", "unseen", "a"),
]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "MANIFEST.tsv"
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([("file", "split", "speaker"), *ROWS])
    return path


def test_held_out_files_are_scored_and_one_of_each_unseen_speaker(manifest: Path) -> None:
    items = manifest_items(manifest, SPLITS)
    assert [item.name for item in items] == ["a.wav", "a2.wav", "b1.wav", "e.wav", "d.wav"]
    assert [item.group for item in items] == ["dev", "dev", "unseen", "unseen", "singing"]
    assert items[2].speaker == "b"
    assert items[2].natural == manifest.parent / "b1.wav"
    assert [item.name for item in manifest_items(manifest, ["dev"])] == ["a.wav", "a2.wav"]


def test_a_split_that_is_not_there_and_a_missing_column_are_named(manifest: Path) -> None:
    with pytest.raises(ValueError, match=r"split 'tset': it has .*dev, .*unseen"):
        manifest_items(manifest, ["dev", "tset"])
    manifest.write_text("file\tsplit\na.wav\tdev\n")
    with pytest.raises(ValueError, match="line 2: no speaker"):
        manifest_items(manifest, ["dev"])


def test_a_manifest_of_ones_own_is_scored_by_the_usual_splits_that_it_has(manifest: Path) -> None:
    manifest.write_text("file\tsplit\tspeaker\na.wav\tdev\ta\nb.wav\ttrain\tb\n")
    assert [item.name for item in manifest_items(manifest)] == ["a.wav"]
    manifest.write_text("file\tsplit\tspeaker\na.wav\ttest\ta\nb.wav\ttrain\tb\n")
    with pytest.raises(ValueError, match=r"splits dev, .*: it has test, train; --splits names"):
        manifest_items(manifest)


@pytest.mark.parametrize(
    "content", [b"RIFF\xcf\x00", b"{" + b"x" * 200_000], ids=["a sound", "one long line"]
)
def test_a_file_that_is_no_table_is_named(manifest: Path, content: bytes) -> None:
    manifest.write_bytes(content)
    with pytest.raises(ValueError, match=r"MANIFEST\.tsv: expected a tab-separated table"):
        manifest_items(manifest, ["dev"])


def test_the_range_of_f0_is_the_manifests_where_it_gives_one(manifest: Path) -> None:
    manifest.write_text(
        "file\tsplit\tspeaker\tf0_min\tf0_max\na.wav\tdev\ta\t60\t1000\nb.wav\tdev\tb\t\t\n"
    )
    assert [item.f0_range for item in manifest_items(manifest, ["dev"])] == [
        (60, 1000),
        (F0_MIN, F0_MAX),
    ]


@pytest.mark.parametrize(
    ("f0_range", "speed", "expected"),
    [
        ((F0_MIN, F0_MAX), 2.5, (2.5 * F0_MIN, 1400)),
        ((F0_MIN, F0_MAX), 0.5, (0.5 * F0_MIN, 0.5 * F0_MAX)),
        ((60, 500), 2, (120, 1000)),
        ((60, 2000), 1.5, (90, 2000)),
        ((800, 1000), 2, (1600, 2000)),
        ((50, 0), 2, (100, 0)),
    ],
    ids=["default", "slower", "below", "given above", "all above", "unvoiced"],
)
def test_a_speed_multiplies_the_range_of_f0_and_raises_no_upper_end_above_1400_hz(
    f0_range: tuple[float, float], speed: float, expected: tuple[float, float]
) -> None:
    (item,) = at_speeds([Item("a", "dev", "a", Path("a.wav"), f0_range=f0_range)], [speed])
    assert item.f0_range == expected


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in (
        "natural/x.flac",
        "natural/deep/y.wav",
        "natural/z.wav",
        "made/x.wav",
        "made/deep/y.wav",
        "made/a.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / "natural", tmp_path / "made"


def test_generated_files_are_paired_with_recordings_of_the_same_path(
    folders: tuple[Path, Path],
) -> None:
    natural, made = folders
    items = folder_items(natural, made)
    assert [(item.name, item.group) for item in items] == [("deep/y", "deep"), ("x", "all")]
    assert items[1].natural == natural / "x.flac"
    assert items[1].generated == made / "x.wav"


def test_a_generated_file_without_a_recording_is_an_error(folders: tuple[Path, Path]) -> None:
    (folders[1] / "q.wav").touch()
    with pytest.raises(ValueError, match=r"q\.wav: .* has no recording of this name"):
        folder_items(*folders)


def test_an_empty_and_a_missing_folder_and_two_recordings_of_one_name_are_errors(
    folders: tuple[Path, Path],
) -> None:
    natural, made = folders
    (made / "empty").mkdir()
    with pytest.raises(ValueError, match="no sound files"):
        folder_items(natural, made / "empty")
    with pytest.raises(ValueError, match="no such folder"):
        folder_items(natural, made / "none")
    (natural / "x.wav").touch()
    with pytest.raises(ValueError, match="expected one of them"):
        folder_items(natural, made)
