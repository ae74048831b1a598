"""Recordings as they come: of any length, rate, type and level. Independent of the commands are the
lengths, counted here, and the sounds that the files were made from."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from tiny_models import DATA
from voices import voice

import wavehax
from wavehax.checkpoint import save_model
from wavehax.config.features import PADDINGS
from wavehax.features import log_mel
from wavehax.files.levels import without_offset
from wavehax.files.sound import read_audio

soundfile = pytest.importorskip("soundfile")


@pytest.fixture(params=PADDINGS)
def model(request, tiny, tmp_path) -> Path:
    """Hop 32 at 24 kHz; frames and padding of every kind."""
    features = dataclasses.replace(tiny.features, padding=request.param)
    alignment = request.param.split("-")[0]
    generator = dataclasses.replace(tiny.generator, frame_alignment=alignment)
    path = tmp_path / "model.safetensors"
    save_model(path, dataclasses.replace(tiny, features=features, generator=generator))
    return path


@pytest.fixture
def resynthesised(command, model, tmp_path):
    """Resynthesises a file, and returns the samples and what was said."""

    def run(path: Path, *arguments: object) -> tuple[np.ndarray, str]:
        out = tmp_path / "out.wav"
        code, _, err = command(
            "resynth", path, "-o", out, "--model", model, "--f0", 150, "--force", *arguments
        )
        assert code == 0, err
        return soundfile.read(out, dtype="float32")[0], err

    return run


@pytest.mark.parametrize("samples", [1, 2, 31, 32, 33, 63, 65, 1000])
def test_the_output_is_as_long_as_the_recording_to_a_sample(resynthesised, tmp_path, samples):
    soundfile.write(tmp_path / "in.wav", voice(0.1, 150, 0)[:samples], 24000)
    whole, said = resynthesised(tmp_path / "in.wav")
    assert (len(whole), said) == (samples, "")
    streamed, _ = resynthesised(tmp_path / "in.wav", "--stream", 3)
    np.testing.assert_array_equal(streamed, whole)


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 96000, 384000])
def test_the_output_is_as_long_at_its_rate_as_the_recording_at_its_own(
    resynthesised, tmp_path, rate
):
    for samples in (1, 5, 3001):
        soundfile.write(tmp_path / "in.wav", 0.1 * np.ones(samples), rate)
        assert len(resynthesised(tmp_path / "in.wav")[0]) == math.ceil(samples * 24000 / rate)


def test_the_rest_behind_the_last_whole_hop_sounds(resynthesised, tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * 32 + 31)
    soundfile.write(tmp_path / "in.wav", noise, 24000)
    wave, _ = resynthesised(tmp_path / "in.wav")
    assert 0.3 < np.std(wave[-31:]) / np.std(wave[-95:-31]) < 3


FILES = [
    ("wav", "PCM_U8", 0.02),
    ("wav", "PCM_16", 1e-4),
    ("wav", "PCM_24", 1e-6),
    ("wav", "PCM_32", 1e-6),
    ("wav", "FLOAT", 1e-6),
    ("wav", "DOUBLE", 1e-6),
    ("flac", "PCM_24", 1e-6),
    ("aiff", "PCM_16", 1e-4),
    ("mp3", "MPEG_LAYER_III", 0.05),
    ("ogg", "VORBIS", 0.05),
    ("opus", "OPUS", 0.05),
]


@pytest.mark.parametrize(("kind", "subtype", "error"), FILES)
def test_every_type_of_stereo_file_is_read_in_step_and_resynthesised_to_its_length(
    resynthesised, tmp_path, kind, subtype, error
):
    container = "OGG" if kind == "opus" else kind.upper()
    if not soundfile.check_format(container, subtype):
        pytest.skip(f"this libsndfile writes no {kind}")
    mono, rate = voice(0.5, 150, 0, 48000), 48000
    side = 0.05 * np.sin(np.arange(len(mono)) / 10)
    path = tmp_path / f"in.{kind}"
    soundfile.write(
        path, np.stack([mono + side, mono - side], 1), rate, subtype=subtype, format=container
    )
    read, _ = read_audio(path)
    assert len(read) == len(mono)
    assert np.sqrt(np.mean((read - mono) ** 2)) <= error * np.abs(mono).max()
    assert len(resynthesised(path)[0]) == len(mono) // 2


def test_samples_beyond_full_scale_are_kept_and_those_of_the_output_counted(
    resynthesised, tmp_path
):
    loud = 4 * voice(0.2, 150, 0, 48000)
    soundfile.write(tmp_path / "in.wav", loud, 48000, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(tmp_path / "in.wav")[0], loud)
    wave, said = resynthesised(tmp_path / "in.wav", "--gain", 40)
    clipped = np.count_nonzero((wave >= 32767 / 32768) | (wave == -1))
    assert f"{clipped} of {len(wave)} samples clipped" in said


def test_a_recording_without_a_frame_is_told_in_samples_of_its_file(command, tmp_path):
    def features(samples: int) -> tuple[int, str]:
        soundfile.write(tmp_path / "in.wav", np.zeros(samples), 96000)
        code, _, err = command(
            "features", tmp_path / "in.wav", "-o", tmp_path / "a.npz", "--features", "wavehax-24k"
        )
        return code, err

    code, err = features(3)
    assert code == 1
    assert "its length is 3 at 96000 Hz: expected at least 957 samples" in err
    assert features(956)[0] == 1
    assert features(957)[0] == 0  # 240 samples at 24 kHz


def test_an_offset_is_left_out_and_said_and_costs_no_f0(command, tmp_path):
    voc = wavehax.load()
    audio, rate = read_audio(DATA / "recording.wav", voc.sample_rate)
    shifted = audio + np.float32(0.03)
    restored, offset = without_offset(shifted, rate)
    assert offset == pytest.approx(0.03 + audio.mean(dtype=float), abs=1e-5)
    truth, harmed, mended = (
        voc.f0(log_mel(wave, voc.features)) for wave in (audio - audio.mean(), shifted, restored)
    )
    voiced = truth > 0

    def wrong(f0: np.ndarray) -> float:
        """The share of voiced frames that have no F0, or one that is off by 60 cents."""
        octaves = np.log2(np.maximum(f0[voiced], 1) / truth[voiced])
        return float(np.mean(np.abs(octaves) > 0.05))

    assert wrong(harmed) > 0.05  # what is mended
    assert wrong(mended) < 0.02
    soundfile.write(tmp_path / "in.wav", shifted[:24000], rate, subtype="FLOAT")
    code, _, err = command(
        "resynth", tmp_path / "in.wav", "-o", tmp_path / "out.wav", "--f0", "mel"
    )
    assert code == 0 and "has an offset of 0.03" in err and err.count("\n") == 1


def test_recordings_without_an_offset_and_short_ones_stay_as_they_are():
    audio, rate = read_audio(DATA / "recording.wav", 24000)
    for same in (audio, np.full(11999, 0.5, np.float32)):
        assert without_offset(same, rate) == (pytest.approx(same, abs=0), 0.0)


def test_f0_does_not_depend_on_how_near_full_scale_the_peak_is():
    voc = wavehax.load()
    audio, _ = read_audio(DATA / "recording.wav", voc.sample_rate)
    quiet, loud = (
        voc.f0(log_mel(audio * np.float32(peak / np.abs(audio).max()), voc.features))
        for peak in (0.25, 10 ** (-1 / 20))
    )
    assert np.mean((quiet > 0) != (loud > 0)) < 0.03
    both = (quiet > 0) & (loud > 0)
    assert np.quantile(np.abs(np.log2(quiet[both] / loud[both])), 0.95) < 0.05


@pytest.mark.parametrize(("name", "suffix"), [("resynth", ".wav"), ("features", ".npz")])
def test_names_that_collide_are_refused_before_any_folder_is_made(
    command, model, tmp_path, name, suffix
):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for kind in ("wav", "flac"):
            soundfile.write(tmp_path / folder / f"x.{kind}", voice(0.1, 150, 0), 24000)
    out = tmp_path / "out"
    options = ["-o", out, "--model", model, *(["--f0", 150] if name == "resynth" else [])]
    one, other = tmp_path / "a" / "x.wav", tmp_path / "a" / "x.flac"
    code, _, err = command(name, one, other, *options)
    assert code == 2 and f"{one} and {other} would both become {out / f'x{suffix}'}" in err
    assert not out.exists()
    assert command(name, one, tmp_path / "b" / "x.flac", *options)[0] == 0
    assert (out / "a" / f"x{suffix}").is_file() and (out / "b" / f"x{suffix}").is_file()
