"""Preparation of a corpus: what it refuses, and that it can be taken up."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from voices import voice

from wavehax.config import FEATURES
from wavehax.data.augment import high_passed
from wavehax.data.config import DataConfig
from wavehax.data.corpus import Recording, read_manifest
from wavehax.data.prepare import main, prepare
from wavehax.data.segments import SegmentDataset
from wavehax.files.sound import write_audio

FEATURES_24K = FEATURES["vocos-24k"]


@pytest.fixture
def recordings(tmp_path: Path) -> list[Recording]:
    """Six of 0.3 s."""
    for i in range(6):
        write_audio(tmp_path / f"{i}.wav", voice(0.3, 150, i), 24000)
    return [Recording(tmp_path / f"{i}.wav", "a") for i in range(6)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_a_preparation_that_failed_says_why_is_no_data_and_can_be_taken_up(
    recordings: list[Recording], tmp_path: Path
) -> None:
    out, bad = tmp_path / "out", recordings[5].path
    whole = bad.read_bytes()
    bad.write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"5\.wav: not a sound file"):
        prepare(recordings, tmp_path, out, FEATURES_24K, jobs=1)
    with pytest.raises(FileNotFoundError, match=r"manifest\.json: missing"):
        SegmentDataset(DataConfig(str(out), segment_frames=20), FEATURES_24K, 0)
    # recordings go to a process by fours
    assert len((out / "progress.jsonl").read_text().splitlines()) == 1 + 4
    bad.write_bytes(whole)
    prepare(recordings, tmp_path, out, FEATURES_24K, jobs=1)
    prepare(recordings, tmp_path, tmp_path / "whole", FEATURES_24K, jobs=1)
    assert contents(out) == contents(tmp_path / "whole")
    with pytest.raises(FileExistsError, match=r"manifest\.json: exists already"):
        prepare(recordings, tmp_path, out, FEATURES_24K, jobs=1)


def test_a_missing_recording_is_named_before_anything_is_made(
    recordings: list[Recording], tmp_path: Path
) -> None:
    recordings[3].path.unlink()
    with pytest.raises(FileNotFoundError, match=r"3\.wav: no such file"):
        prepare(recordings, tmp_path, tmp_path / "out", FEATURES_24K, jobs=1)
    assert not (tmp_path / "out").exists()


def test_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", voice(0.3, 150, 0), 24000)
    with pytest.raises(ValueError, match="no recordings to train on"):
        prepare(
            [Recording(tmp_path / "a.wav", "a", "dev")],
            tmp_path,
            tmp_path / "out",
            FEATURES_24K,
            jobs=1,
        )
    assert not (tmp_path / "out").exists()


def test_the_command_refuses_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_audio(tmp_path / "short.wav", voice(0.05, 150, 0), 24000)

    def recordings(corpus: Path) -> list[Recording]:
        return [Recording(corpus / "short.wav", "a")]

    assert main("Doc.", recordings, argv=[str(tmp_path), str(tmp_path / "out"), "--jobs", "1"]) == 1
    said = capsys.readouterr().err
    assert said == f"wavehax: {tmp_path}/short.wav: 4 frames, expected at least 8\n"


@pytest.mark.slow
def test_held_out_recordings_of_known_voices_are_prepared_beside(
    recordings: list[Recording], tmp_path: Path
) -> None:
    held_out = [
        dataclasses.replace(recordings[0], split="dev"),
        dataclasses.replace(recordings[1], split="unseen"),
    ]
    prepare([*held_out, *recordings[2:]], tmp_path, tmp_path / "out", FEATURES_24K, jobs=1)
    files = {
        folder: [
            u["file"]
            for u in json.loads((tmp_path / folder / "manifest.json").read_text())["utterances"]
        ]
        for folder in ("out", "out/dev")
    }
    assert files == {"out": ["2.wav", "3.wav", "4.wav", "5.wav"], "out/dev": ["0.wav"]}
    assert list(read_manifest(tmp_path / "out")) == held_out
    SegmentDataset(
        DataConfig(str(tmp_path / "out" / "dev"), segment_frames=20), FEATURES_24K, 0
    ).batch(0)


@pytest.mark.slow
def test_shifted_mels_are_prepared_where_asked_and_differ_where_voiced(
    recordings: list[Recording], tmp_path: Path
) -> None:
    for name, shifted in (("plain", False), ("shifted", True)):
        prepare(recordings, tmp_path, tmp_path / name, FEATURES_24K, jobs=1, shifted=shifted)
    assert not (tmp_path / "plain" / "mel_shifted.npy").exists()
    for name in ("audio.npy", "mel.npy", "f0.npy", "manifest.json"):
        assert (tmp_path / "plain" / name).read_bytes() == (
            tmp_path / "shifted" / name
        ).read_bytes()
    mel, other, f0 = (
        np.load(tmp_path / "shifted" / f"{name}.npy") for name in ("mel", "mel_shifted", "f0")
    )
    assert other.shape == mel.shape and (f0 > 0).any()
    assert np.abs(other - mel)[f0 > 0].mean() > 0.2
    assert not (tmp_path / "shifted" / "f0_shifted.npy").exists()  # nothing would read it


@pytest.mark.parametrize(("hz", "share"), [(0, 0.0), (20, 0.0), (55, 1.0), (70, 1.0), (4000, 1.0)])
def test_the_high_pass_takes_rumble_and_leaves_voices_in_phase(hz: float, share: float) -> None:
    tone = np.cos(2 * np.pi * hz * np.arange(48000) / 24000)
    kept = high_passed(tone, 24000)
    inside = slice(6000, 42000)  # ends ring
    np.testing.assert_allclose(kept[inside], share * tone[inside], atol=0.02)


@pytest.mark.slow
def test_targets_without_rumble_stand_beside_mels_of_the_recordings(tmp_path: Path) -> None:
    wave = voice(1.0, 150, 0)
    wave = wave + 0.05 * np.sin(2 * np.pi * 15 * np.arange(len(wave)) / 24000)
    write_audio(tmp_path / "a.wav", wave, 24000)
    made = {}
    for filtered in (False, True):
        out = tmp_path / str(filtered)
        prepare(
            [Recording(tmp_path / "a.wav", "a")],
            tmp_path,
            out,
            FEATURES_24K,
            jobs=1,
            without_rumble=filtered,
        )
        made[filtered] = {name: np.load(out / f"{name}.npy") for name in ("audio", "mel", "f0")}
    for name in ("mel", "f0"):
        np.testing.assert_array_equal(made[True][name], made[False][name])
    level = {
        key: np.abs(np.fft.rfft(arrays["audio"] / 32768.0))[15] for key, arrays in made.items()
    }
    assert level[True] < 0.02 * level[False]
