"""`Vocode`: rows in any form give what the command `vocode` gives, with the seed of their id."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

import wavehax
from wavehax.config import FEATURES
from wavehax.files.sound import read_audio
from wavehax.mel.features import log_mel
from wavehax.ray import Vocode, row_seed
from wavehax.ray.rows import list_rows

RECORDING = Path(__file__).parents[1] / "data" / "recording.wav"


def test_a_row_is_the_file_that_vocode_writes_with_the_seed_of_the_id(
    tiny_file, mels, command, tmp_path
):
    seed = row_seed("deep/002", 7)
    arguments = (mels / "deep/002.npz", "-o", tmp_path / "a.flac", "--model", tiny_file)
    assert command("vocode", *arguments, "--seed", seed)[0] == 0
    result = Vocode(str(tiny_file), seed=7).row("deep/002", str(mels / "deep/002.npz"))
    assert result.audio == (tmp_path / "a.flac").read_bytes()


def test_scales_of_f0_and_formants_are_those_of_vocode(tiny_file, mels, command, tmp_path):
    seed = row_seed("000")
    scales = ("--f0-scale", 1.5, "--formant-scale", 1.2)
    line = (mels / "000.npz", "-o", tmp_path / "a.flac", "--model", tiny_file, "--seed", seed)
    assert command("vocode", *line, *scales)[0] == 0
    vocode = Vocode(str(tiny_file), f0_scale=1.5, formant_scale=1.2)
    assert vocode.row("000", str(mels / "000.npz")).audio == (tmp_path / "a.flac").read_bytes()


def test_f0_of_other_tools_is_read_as_vocode_reads_it(tiny_file, mels, command, tmp_path):
    with np.load(mels / "000.npz") as file:
        mel, frames = file["mel"], file["mel"].shape[-1]
    notes = np.where(np.arange(2 * frames) % 20 < 15, np.linspace(50, 55, 2 * frames), np.nan)
    np.savez(tmp_path / "a.npz", mel=mel, f0=notes)
    voc = wavehax.load(tiny_file)
    hop = voc.hop_length / voc.sample_rate / 2
    flags = ("--f0-unit", "midi", "--f0-unvoiced", "any", "--f0-hop", hop)
    line = (tmp_path / "a.npz", "--model", tiny_file, "--seed", row_seed("a"), "--force")
    assert command("vocode", *line, "-o", tmp_path / "a.flac", *flags)[0] == 0
    writing = {"f0_unit": "midi", "f0_unvoiced": "any", "f0_hop": hop}
    made = Vocode(str(tiny_file), **writing).row("a", str(tmp_path / "a.npz"))
    assert made.audio == (tmp_path / "a.flac").read_bytes()
    one = Vocode(str(tiny_file), f0=57, **writing).row("a", str(tmp_path / "a.npz"))
    np.testing.assert_allclose(one.f0, 220, rtol=1e-6)


def test_a_mel_of_another_definition_is_the_rows_error_unless_it_is_forced(tmp_path):
    np.save(tmp_path / "a.npy", log_mel(read_audio(RECORDING, 24000)[0], FEATURES["bigvgan-24k"]))
    refused = Vocode(f0=120.0).row("a", str(tmp_path / "a.npy"))
    assert refused.audio is None and "--force-definition" in refused.error
    forced = Vocode(f0=120.0, force_definition=True).row("a", str(tmp_path / "a.npy"))
    assert forced.error is None and forced.audio


def test_the_flags_of_the_command_are_the_options_of_the_rows(command, monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(
        "wavehax.ray.corpus.vocode_corpus", lambda *given, **_: seen.update(given[2]) or []
    )
    line = ("corpus", tmp_path, "-o", tmp_path / "out")
    assert command(*line) == (0, "", "")
    plain = (seen["f0_scale"], seen["formant_scale"], seen["force_definition"])
    assert plain == (1.0, 1.0, False)
    flags = ("--f0-shift", 12, "--formant-scale", 1.2, "--force-definition")
    flags += ("--f0-unit", "midi", "--f0-unvoiced", "any", "--f0-hop", 0.005)
    assert command(*line, *flags) == (0, "", "")
    assert (seen["f0_unit"], seen["f0_unvoiced"], seen["f0_hop"]) == ("midi", "any", 0.005)
    made = Vocode(**seen)
    assert (made.f0_scale, made.formant_scale, made.force_definition) == (2.0, 1.2, True)


def test_the_seed_of_a_row_is_the_documented_hash():
    # printf '0\0a' | b2sum -l 64, least byte first
    assert row_seed("a") == 15270482384145340437
    assert len({row_seed(name, seed) for name in "abc" for seed in range(3)}) == 9
    assert all(0 <= row_seed(str(number)) < 2**64 for number in range(100))


def test_bytes_of_a_mel_give_what_its_file_gives(tiny_file, mels):
    vocode, path = Vocode(str(tiny_file)), mels / "000.npz"
    from_bytes, from_path = vocode.row("x", bytes=path.read_bytes()), vocode.row("x", str(path))
    assert from_bytes.audio == from_path.audio is not None
    assert from_bytes.line() == from_path.line()


def test_a_result_says_what_its_sound_is(tiny_file, mels):
    result = Vocode(str(tiny_file), f0=200.0, audio="wav").row("x", str(mels / "000.npz"))
    wave, rate = soundfile.read(io.BytesIO(result.audio), dtype="int16")
    assert (rate, len(wave) / rate) == (result.sample_rate, result.seconds)
    assert abs(wave.astype(int)).max() == pytest.approx(min(result.peak, 1) * 32768, abs=1)
    assert (result.f0 == 200).all() and len(result.f0) == 50


def test_a_part_of_a_recording_is_that_part_alone(tmp_path):
    pytest.importorskip("pyworld")
    audio, rate = soundfile.read(RECORDING, dtype="int16")
    two = np.stack([np.zeros_like(audio), audio], axis=1)
    soundfile.write(tmp_path / "two.wav", two, rate, subtype="PCM_16")
    part = audio[round(0.5 * rate) : round(1.5 * rate)]
    soundfile.write(tmp_path / "part.wav", part, rate, subtype="PCM_16")
    vocode = Vocode(resynth=True)
    cut = vocode.row("x", str(tmp_path / "two.wav"), start=0.5, duration=1.0, channel=1)
    assert cut.error is None
    assert cut.audio == vocode.row("x", str(tmp_path / "part.wav")).audio


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "neither path nor bytes is given"),
        ({"path": "/nowhere/a.npz"}, "/nowhere/a.npz: no such file"),
        ({"bytes": b"PK is no zip"}, "bytes: not a .npz file that can be read"),
        ({"bytes": b"noise"}, "bytes: unknown file type"),
        ({"path": "/nowhere/a.npz", "start": 1.0}, "are those of a recording"),
    ],
)
def test_a_row_that_cannot_be_synthesised_has_its_error(tiny_file, row, message):
    result = Vocode(str(tiny_file)).row("x", **row)
    assert message in result.error and result.audio is None


def test_a_batch_comes_back_as_a_table_row_by_row(tiny_file, mels):
    pa = pytest.importorskip("pyarrow")
    rows = list_rows(str(mels), resynth=False)
    columns = {"id": [row.id for row in rows], "path": [row.path for row in rows]}
    vocode = Vocode(str(tiny_file))
    from_arrow = vocode(pa.table(columns))
    assert from_arrow == vocode({name: np.array(values) for name, values in columns.items()})
    assert from_arrow.column("id").to_pylist() == columns["id"]
    failed = [row["id"] for row in from_arrow.to_pylist() if row["error"]]
    assert failed == ["broken"]
    with pytest.raises(ValueError, match="expected id, and path or bytes"):
        vocode(pa.table({"path": columns["path"]}))
