"""Which recordings a corpus has, and which are held out."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from wavehax.data.corpus import Recording, find, hold_out, read_manifest, write_manifest
from wavehax.mel.features import F0_MAX, F0_MIN


def test_the_first_of_every_so_many_is_held_out_and_other_splits_stay() -> None:
    splits = ["train", "unseen", "train", "train", "train", "dev"]
    recordings = [Recording(Path(f"{i}.wav"), "a", split) for i, split in enumerate(splits)]
    held = list(hold_out(recordings, 3))
    assert [r.split for r in held] == ["dev", "unseen", "train", "train", "dev", "dev"]
    assert [r.path for r in held] == [r.path for r in recordings]


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/2.wav", "a/2.wav", "b/1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "c" / "folder.wav").mkdir(parents=True)
    assert [path.relative_to(tmp_path).as_posix() for path in find(tmp_path, "*/*.wav")] == [
        "a/2.wav",
        "b/1.wav",
        "b/2.wav",
    ]
    with pytest.raises(FileNotFoundError, match=r"wavs/\*\.wav: no such files; is .* the corpus\?"):
        find(tmp_path, "wavs/*.wav")


def test_a_manifest_that_was_written_reads_back(tmp_path: Path) -> None:
    recordings = [
        Recording(tmp_path / "a 1.wav", "a", "dev", 60.0, 1100.0),
        Recording(tmp_path / "\u00e9.wav", "b", "unseen", f0_max=0),
    ]
    write_manifest(tmp_path, recordings)
    assert list(read_manifest(tmp_path)) == recordings
    with (tmp_path / "MANIFEST.tsv").open(newline="", encoding="utf-8") as file:
        assert [row["file"] for row in csv.DictReader(file, delimiter="\t")] == [
            str(r.path) for r in recordings
        ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file\tsplit\n1.wav\ttrain\n", "line 2: no speaker; expected file, split and speaker"),
        ("file\tsplit\tspeaker\n1.wav\ttrain\ta\n2.wav\ttrain\n", "line 3: no speaker"),
        ("file\tsplit\tspeaker\n\ttrain\ta\n", "line 2: no file"),
        (
            "file\tsplit\tspeaker\tf0_min\n1.wav\ttrain\ta\tlow\n",
            "line 2: expected f0_min and f0_max in Hz",
        ),
    ],
)
def test_a_manifest_with_a_gap_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "MANIFEST.tsv").write_text(text)
    with pytest.raises(ValueError, match=f"MANIFEST.tsv: {said}"):
        list(read_manifest(tmp_path))


def test_f0_ranges_in_a_manifest_are_read_and_may_be_left_out(tmp_path: Path) -> None:
    rows = "1.wav\ttrain\ta\t60\t1100\n2.wav\ttrain\ta\t\t\n3.wav\ttrain\ta\n"
    (tmp_path / "MANIFEST.tsv").write_text("file\tsplit\tspeaker\tf0_min\tf0_max\n" + rows)
    assert [(r.f0_min, r.f0_max) for r in read_manifest(tmp_path)] == [
        (60, 1100),
        (F0_MIN, F0_MAX),
        (F0_MIN, F0_MAX),
    ]


@pytest.mark.parametrize(
    ("f0_min", "f0_max"), [(0, 500), (300, 200), (-1, -1), (float("nan"), 500)]
)
def test_an_f0_range_that_cannot_be_is_refused_by_file(f0_min: float, f0_max: float) -> None:
    with pytest.raises(ValueError, match=r"a\.wav: f0_min=.*: expected 0 < f0_min < f0_max"):
        Recording(Path("a.wav"), "a", "train", f0_min, f0_max)
