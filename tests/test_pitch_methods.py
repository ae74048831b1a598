"""The ways to find F0 in a recording, and the flags of the commands that do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_models import with_f0

import wavehax
from wavehax.checkpoint import save_model
from wavehax.cli import shared
from wavehax.cli.types import Parser
from wavehax.config import FEATURES
from wavehax.data import prepare
from wavehax.data.corpus import Recording
from wavehax.errors import UsageError
from wavehax.evaluate.items import Item
from wavehax.features import f0_from_audio, frame_count
from wavehax.mel import pitch

FEATURES_24K = FEATURES["vocos-24k"]
RATE, HOP = FEATURES_24K.sample_rate, FEATURES_24K.hop_length


def tone(f0: np.ndarray) -> np.ndarray:
    """Ten harmonics, as strong as in a voice, of F0 [N] in Hz."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, 11) if k * f0.max() < RATE / 2)
    return (0.1 * wave).astype(np.float32)


def cents(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    return 1200 * np.abs(np.log2(found / true))


def test_a_contour_a_third_of_a_semitone_off_is_refined_to_the_recordings_to_five_cents() -> None:
    time = np.arange(RATE) / RATE
    true = 300 * 2 ** (0.1 * np.sin(2 * np.pi * 5 * time))  # a vibrato of 120 cents to either side
    frames = frame_count(RATE, FEATURES_24K)
    wanted = true[np.minimum(np.arange(frames) * HOP, RATE - 1)]
    off = wanted * 2 ** (np.random.default_rng(0).uniform(-35, 35, frames) / 1200)
    off[40:50] = 0
    found = f0_from_audio(tone(true), FEATURES_24K, method="refined", predicted=off)
    voiced = np.r_[5:40, 50 : frames - 5]
    assert cents(found[voiced], wanted[voiced]).max() < 5 < cents(off[voiced], wanted[voiced]).max()
    assert (found[40:50] == 0).all()


def test_in_silence_and_at_the_ends_a_predicted_value_stays() -> None:
    predicted = np.full(frame_count(RATE, FEATURES_24K), 60, np.float32)
    found = f0_from_audio(np.zeros(RATE), FEATURES_24K, method="refined", predicted=predicted)
    np.testing.assert_array_equal(found, predicted)


@pytest.mark.parametrize("hz", [60.0, 1000.0])
def test_a_bass_and_a_falsetto_are_found_without_being_told(hz: float) -> None:
    pytest.importorskip("pyworld")
    found = f0_from_audio(tone(np.full(RATE, hz)), FEATURES_24K)[6:-7]
    assert cents(found, np.full(len(found), hz)).max() < 10


def test_the_range_bounds_what_a_refined_contour_takes_from_the_prediction() -> None:
    wave = tone(np.full(RATE, 300.0))
    predicted = np.full(frame_count(RATE, FEATURES_24K), 300.0)
    found = f0_from_audio(wave, FEATURES_24K, 70, 200, "refined", predicted=predicted)
    assert not found.any()


@pytest.mark.parametrize(
    ("method", "predicted", "said"),
    [
        ("yin", None, "method='yin': expected one of two-pass, harvest, refined"),
        ("refined", None, "method='refined': expected predicted F0"),
        ("harvest", np.zeros(94), "method='harvest': expected predicted F0"),
        ("refined", np.zeros(93), r"predicted has shape \[93\]: expected \[94\]"),
    ],
)
def test_methods_and_predictions_that_do_not_go_together_are_refused(
    method: str, predicted: np.ndarray | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        f0_from_audio(np.zeros(RATE), FEATURES_24K, method=method, predicted=predicted)


def test_features_seek_f0_in_the_range_and_by_the_method_of_the_flags(command, tmp_path) -> None:
    pytest.importorskip("pyworld")
    soundfile.write(tmp_path / "a.wav", tone(np.full(RATE, 400.0)), RATE)
    for name, flags in {
        "narrow": ("--f0-max", 300, "--f0-method", "harvest"),
        "default": (),
    }.items():
        code, _, err = command(
            "features", tmp_path / "a.wav", "-o", tmp_path / f"{name}.npz", *flags
        )
        assert (code, err) == (0, "")
    narrow, default = (np.load(tmp_path / f"{name}.npz")["f0"] for name in ("narrow", "default"))
    assert narrow.max() <= 300 and cents(default[8:-8], np.full(len(default) - 16, 400)).max() < 10


def test_a_refined_contour_needs_no_pyworld(command, tiny, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyworld", None)
    save_model(tmp_path / "model.safetensors", with_f0(tiny))
    voc = wavehax.load(tmp_path / "model.safetensors")
    wave = tone(np.full(RATE, 200.0))
    soundfile.write(tmp_path / "a.wav", wave, voc.sample_rate, subtype="FLOAT")
    flags = ("--model", tmp_path / "model.safetensors", "--f0-method", "refined")
    output = tmp_path / "a.npz"
    assert command("features", tmp_path / "a.wav", "-o", output, *flags) == (0, "", "")
    arrays = np.load(output)
    predicted = voc.f0(arrays["mel"])
    expected = f0_from_audio(wave, voc.features, method="refined", predicted=predicted)
    np.testing.assert_array_equal(arrays["f0"], expected)
    sound = tmp_path / "out.wav"
    assert command("resynth", tmp_path / "a.wav", "-o", sound, *flags) == (0, "", "")


def test_a_method_that_predicts_refuses_a_mel_that_its_model_does_not_take(command, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    flags = ("--features", "wavehax-24k", "--f0-method", "refined")
    code, _, err = command("features", tmp_path / "a.wav", "-o", tmp_path / "a.npz", *flags)
    assert code == 2 and "needs a model of the mel wavehax-24k" in err


@pytest.mark.parametrize(
    ("flags", "f0_range", "method"),
    [
        ([], (60, 1000), "two-pass"),
        (["--f0-max", "400"], (60, 400), "two-pass"),
        (["--f0-min", "80", "--f0-method", "harvest"], (80, 1000), "harvest"),
    ],
)
def test_flags_of_an_evaluation_and_of_a_recipe_come_before_a_recordings_own_range(
    flags: list[str], f0_range: tuple[float, float], method: str
) -> None:
    parser = Parser()
    shared.add_f0_search(parser, pitch.RECORDING_METHODS, given=True)
    arguments = parser.parse_args(flags)
    item = shared.searched(Item("a", "dev", "a", Path("a.wav"), f0_range=(60, 1000)), arguments)
    assert (item.f0_range, item.f0_method) == (f0_range, method)
    arguments.f0_method = arguments.f0_method or pitch.METHODS[0]
    recording = prepare._searched(Recording(Path("a.wav"), "a", "train", 60, 1000), arguments)
    assert (recording.f0_min, recording.f0_max, recording.f0_method) == (*f0_range, method)
    whisper = prepare._searched(Recording(Path("a.wav"), "a", "train", 0, 0), arguments)
    assert whisper.f0_max == 0


def test_an_empty_range_of_an_evaluation_is_refused() -> None:
    parser = Parser()
    shared.add_f0_search(parser, pitch.RECORDING_METHODS, given=True)
    item = Item("a", "dev", "a", Path("a.wav"), f0_range=(60, 1000))
    with pytest.raises(UsageError, match="F0 from 1100 to 1000 Hz: expected --f0-min below"):
        shared.searched(item, parser.parse_args(["--f0-min", "1100"]))
