"""The arrays of a prepared folder: whole, however often writing them was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from wavehax.config import FEATURES
from wavehax.data.arrays import Arrays, Writer

FEATURES_24K = FEATURES["vocos-24k"]
PLANNED = [{"file": f"{i}.wav", "speaker": "a", "f0_min": 70.0, "f0_max": 500.0} for i in range(3)]


def arrays(i: int) -> Arrays:
    """Of utterance i, which has 10 + i frames."""
    rng = np.random.default_rng(i)
    frames = 10 + i
    audio = rng.integers(-32768, 32768, frames * 256).astype(np.int16)
    mel, f0 = rng.standard_normal((frames, 100)), rng.random(frames)
    return {"audio": audio, "mel": mel.astype(np.float32), "f0": f0.astype(np.float32)}


def write(out: Path, first: int, stop: int) -> None:
    with Writer(out, FEATURES_24K, PLANNED) as writer:
        assert len(writer.utterances) == first
        for i in range(first, stop):
            writer.add(arrays(i))
        if stop == len(PLANNED):
            writer.finish()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    folder = tmp_path / "whole"
    folder.mkdir()
    write(folder, 0, 3)
    return folder


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """Stopped after two of three utterances, in the middle of writing the third."""
    folder = tmp_path / "half"
    folder.mkdir()
    write(folder, 0, 2)
    for name, data in (
        ("audio.npy", b"x" * 5632),
        ("mel.npy", b"x" * 77),
        ("progress.jsonl", b'{"file": "2.w'),
    ):
        with open(folder / name, "ab") as file:
            file.write(data)
    return folder


def test_arrays_are_one_after_another_and_the_manifest_says_where(whole: Path) -> None:
    manifest = json.loads((whole / "manifest.json").read_text())
    assert [(u["start"], u["frames"]) for u in manifest["utterances"]] == [
        (0, 10),
        (10, 11),
        (21, 12),
    ]
    assert {**manifest["utterances"][2], **PLANNED[2]} == manifest["utterances"][2]
    for name in ("audio", "mel", "f0"):
        expected = np.concatenate([arrays(i)[name] for i in range(3)])
        found = np.load(whole / f"{name}.npy", mmap_mode="r")
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_taken_up_after_any_stop_the_folder_is_the_same_to_the_last_bit(
    whole: Path, half: Path
) -> None:
    write(half, 2, 3)
    assert contents(half) == contents(whole)


def test_a_stop_between_arrays_and_manifest_loses_nothing(
    whole: Path, half: Path, tmp_path: Path
) -> None:
    write(half, 2, 3)
    features = json.loads((half / "manifest.json").read_text())["features"]
    progress = json.dumps({"features": features, "arrays": ["audio", "mel", "f0"]})
    utterances = json.loads((half / "manifest.json").read_text())["utterances"]
    (half / "progress.jsonl").write_text("\n".join([progress, *map(json.dumps, utterances), ""]))
    (half / "manifest.json").unlink()
    write(half, 3, 3)
    assert contents(half) == contents(whole)


def test_a_folder_begun_with_something_else_is_refused_and_untouched(half: Path) -> None:
    before = contents(half)
    others = [{**PLANNED[0], "f0_max": 600.0}, *PLANNED[1:]]
    for features, planned in (
        (FEATURES_24K, others),
        (FEATURES_24K, PLANNED[:1]),
        (FEATURES["wavehax-24k"], PLANNED),
    ):
        with pytest.raises(ValueError, match=r"half: begun with other recordings or features"):
            Writer(half, features, planned)
    assert contents(half) == before


def test_arrays_shorter_than_what_counts_are_refused(half: Path) -> None:
    with open(half / "f0.npy", "r+b") as file:
        file.truncate(128 + 4 * 20)
    with pytest.raises(ValueError, match=r"f0\.npy: shorter than the 21 frames it held"):
        Writer(half, FEATURES_24K, PLANNED)


def test_mean_and_scale_are_those_of_all_frames(
    whole: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("wavehax.data.arrays._BLOCK_FRAMES", 7)
    write(tmp_path, 0, 3)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    mel = np.concatenate([arrays(i)["mel"] for i in range(3)]).astype(float)
    np.testing.assert_allclose(manifest["mel_mean"], mel.mean(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(manifest["mel_scale"], mel.std(axis=0), rtol=1e-9)
