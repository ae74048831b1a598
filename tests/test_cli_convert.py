"""`wavehax convert` against the functions that it calls, and definitions from files in commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from voices import voice

from wavehax.config import FEATURES
from wavehax.files.resample import resample
from wavehax.files.sound import read_audio
from wavehax.mel.convert import convert
from wavehax.mel.features import frame_count, log_mel

DATA = Path(__file__).parent / "data"
BIGVGAN, VOCOS = FEATURES["bigvgan-24k"], FEATURES["vocos-24k"]


@pytest.fixture
def mel_file(tmp_path):
    audio = voice(1.0, 140, seed=0)
    mel = log_mel(audio, BIGVGAN)
    path = tmp_path / "a.npz"
    np.savez(path, mel=mel, f0=np.full(mel.shape[1], 140.0))
    return path


def test_a_file_is_converted_with_its_f0(command, mel_file, tmp_path):
    out = tmp_path / "b.npz"
    assert command("convert", mel_file, "--from", "bigvgan-24k", "-o", out) == (0, "", "")
    with np.load(out) as made, np.load(mel_file) as given:
        np.testing.assert_array_equal(made["mel"], convert(given["mel"], BIGVGAN, VOCOS))
        assert made["f0"].shape == made["mel"].shape[1:] and (made["f0"] == 140).all()
    true = log_mel(voice(1.0, 140, seed=0), VOCOS)
    error = np.abs(np.load(out)["mel"] - true)
    assert np.median(error) < 0.1  # neper


@pytest.mark.parametrize("target", ["vocos-24k", "bigvgan-24k"])
def test_f0_of_other_tools_becomes_hz_and_zero_as_the_flags_say(
    command, mel_file, tmp_path, target
):
    out, odd = tmp_path / "b.npz", tmp_path / "odd.npz"
    mel = np.load(mel_file)["mel"]
    voiced = np.arange(mel.shape[1]) % 20 < 15
    line = ("--from", "bigvgan-24k", "--to", target, "-o", out, "--force")
    np.savez(odd, mel=mel, f0=np.where(voiced, 140.0, 0))
    assert command("convert", odd, *line)[0] == 0
    expected = np.load(out)["f0"]
    assert set(expected) == {0, 140}
    note = 69 + 12 * np.log2(140 / 440)
    np.savez(odd, mel=mel, f0=np.where(voiced, note, np.nan))
    code, _, err = command("convert", odd, *line, "--f0-unit", "midi")
    assert code == 1 and "f0 is nan in frame 15" in err and "--f0-unvoiced any" in err
    flags = ("--f0-unit", "midi", "--f0-unvoiced", "any")
    assert command("convert", odd, *line, *flags) == (0, "", "")
    np.testing.assert_allclose(np.load(out)["f0"], expected, rtol=1e-6)
    twice = np.repeat(np.where(voiced, note, np.nan), 2)
    np.savez(odd, mel=mel, f0=twice)
    assert command("convert", odd, *line, *flags, "--f0-hop", 128 / 24000) == (0, "", "")
    np.testing.assert_allclose(np.load(out)["f0"], expected, rtol=1e-6)


def test_a_file_that_is_not_of_its_definition_is_noticed_or_refused(command, tmp_path):
    audio, _ = read_audio(DATA / "recording.wav", 24000)
    mel = log_mel(audio, BIGVGAN)
    np.save(tmp_path / "dB.npy", 20 / np.log(10) * mel)
    np.save(tmp_path / "other.npy", log_mel(audio, FEATURES["wavehax-24k"]))
    out = tmp_path / "b.npz"
    named = ("--from", "bigvgan-24k", "-o", out, "--force")
    with pytest.warns(UserWarning, match="looks like decibels.*--mel-log dB") as caught:
        assert command("convert", tmp_path / "dB.npy", *named)[0] == 0
    assert len(caught) == 1
    assert command("convert", tmp_path / "dB.npy", *named, "--mel-log", "dB") == (0, "", "")
    np.testing.assert_allclose(np.load(out)["mel"], convert(mel, BIGVGAN, VOCOS), atol=1e-3)
    out.unlink()
    code, _, err = command("convert", tmp_path / "other.npy", *named)
    assert code == 1 and "the mel 'wavehax-24k'" in err and "--from in wavehax convert" in err
    assert not out.exists()
    for name in ("dB.npy", "other.npy"):
        line = ("convert", tmp_path / name, *named, "--force-definition")
        assert command(*line) == (0, "", "")


def test_only_the_writing_is_undone_exactly(command, tmp_path):
    pytest.importorskip("yaml")
    (tmp_path / "mine.yaml").write_text("{like: vocos-24k, log: dB, mean: -30, scale: 12.5}")
    mel = log_mel(voice(1.0, 140, seed=0), VOCOS)
    np.save(tmp_path / "a.npy", mel)
    there = ("--from", "vocos-24k", "--to", tmp_path / "mine.yaml", "-o", tmp_path / "b.npz")
    assert command("convert", tmp_path / "a.npy", *there)[0] == 0
    written = np.load(tmp_path / "b.npz")["mel"]
    np.testing.assert_allclose(
        written, (20 * mel / np.log(10) + 30) / 12.5, atol=1e-4
    )  # fmt: skip
    back = ("--from", tmp_path / "mine.yaml", "--to", "vocos-24k", "-o", tmp_path / "c.npz")
    assert command("convert", tmp_path / "b.npz", *back)[0] == 0
    np.testing.assert_allclose(np.load(tmp_path / "c.npz")["mel"], mel, atol=1e-4)


def test_statistics_of_the_source_come_from_a_flag(command, tmp_path):
    source = FEATURES["parallel-wavegan-24k"]
    audio = voice(1.0, 140, seed=0)
    mel = log_mel(audio, source)
    mean, scale = mel.mean(axis=1), mel.std(axis=1)
    np.savez(tmp_path / "stats.npz", mean=mean, scale=scale)
    np.save(tmp_path / "a.npy", (mel - mean[:, None]) / scale[:, None])
    line = ("--from", source.name, "--to", source.name, "--stats", tmp_path / "stats.npz")
    assert command("convert", tmp_path / "a.npy", *line, "-o", tmp_path / "b.npz")[0] == 0
    np.testing.assert_allclose(np.load(tmp_path / "b.npz")["mel"], mel, atol=1e-4)


def test_what_cannot_be_converted_is_refused_by_name_before_any_file(command, mel_file, tmp_path):
    far = ("--from", "hifigan-22k", "--to", "wavehax-48k", "-o", tmp_path / "b.npz")
    code, _, err = command("convert", mel_file, *far)
    assert code == 1 and "'hifigan-22k' cannot be made into 'wavehax-48k': it has 0-8000 Hz" in err
    code, _, err = command("convert", mel_file, "--from", "bigvgan", "-o", tmp_path / "b.npz")
    assert code == 2 and "bigvgan: expected one of wavehax-24k" in err and err.count("\n") == 1
    bad = ("--from", "bigvgan-24k", "-o", tmp_path / "b.npy")
    code, _, err = command("convert", mel_file, *bad)
    assert code == 1 and "expected .npz" in err
    assert not list(tmp_path.glob("b.*"))


def test_frames_of_a_pipe_and_of_features_come_by_a_file(command, tmp_path):
    pytest.importorskip("yaml")
    sf = pytest.importorskip("soundfile")
    audio = resample(voice(0.5, 140, seed=0), 24000, 16000)
    sf.write(tmp_path / "a.wav", audio, 16000, subtype="FLOAT")
    (tmp_path / "mine.yaml").write_text("{like: speecht5-16k, log: e, n_mels: 40}")
    line = ("--features", tmp_path / "mine.yaml", "-o", tmp_path / "a.npz")
    assert command("features", tmp_path / "a.wav", *line)[0] == 0
    with np.load(tmp_path / "a.npz") as made:
        source = FEATURES["speecht5-16k"]
        assert made["mel"].shape == (40, frame_count(len(audio), source))
    code, _, err = command("features", tmp_path / "a.wav", "--features", "no.yaml", *line[2:])
    assert code == 2 and "no.yaml: no such file" in err
