"""The package in node: samples and mels of Python, streams bit for bit, errors with names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_models import tiny_model, with_f0

import wavehax
from wavehax.checkpoint import save_model
from wavehax.features import log_mel
from wavehax.mel.harmonics import flatten_harmonics
from wavehax.models.locate import model_path

ROOT = Path(__file__).parents[2]
DEFAULT, SINGING = model_path(None), model_path("nsf-hifigan-44k")
Node = Callable[..., dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def audio(portable: wavehax.Vocoder) -> np.ndarray:
    """Three seconds of a sentence at 24 kHz."""
    recording, rate = soundfile.read(ROOT / "tests" / "data" / "recording.wav", dtype="float32")
    assert rate == portable.sample_rate
    return recording[: 3 * rate]


@pytest.fixture(scope="module")
def mel(portable: wavehax.Vocoder, audio: np.ndarray) -> np.ndarray:
    return log_mel(audio, portable.features)


def assert_near(got: np.ndarray, expected: np.ndarray, bound: float = 1e-4) -> None:
    """Differences are below `bound` of the peak."""
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < bound * np.abs(expected).max()


def test_waveforms_and_f0_are_those_of_python(
    node: Node, portable: wavehax.Vocoder, mel: np.ndarray
) -> None:
    f0 = portable.f0(mel)
    made = node("vocode", DEFAULT, mel=mel.T, f0=f0)
    assert_near(made["wave"], portable(mel, f0, seed=2**63 + 5))
    assert_near(made["scaled"], portable(mel, f0, f0_scale=1.5))
    assert np.array_equal(made["f0"] > 0, f0 > 0) and 0.3 < (f0 > 0).mean() < 0.95
    assert np.allclose(made["f0"], f0, rtol=1e-5, atol=0)


def test_a_predicted_f0_that_differs_in_its_last_bits_changes_the_phase_and_little_else(
    node: Node, portable: wavehax.Vocoder, mel: np.ndarray
) -> None:
    made = node("vocode", DEFAULT, mel=mel.T, f0=portable.f0(mel))
    assert_near(made["predicted"], portable(mel, made["f0"]))  # the same F0, the same samples
    assert_near(made["predicted"], portable(mel), 0.02)  # docs/browser.md says why


def test_streams_equal_whole_utterances_bit_for_bit(
    node: Node, mel: np.ndarray, portable: wavehax.Vocoder
) -> None:
    made = node("stream", DEFAULT, mel=mel.T, f0=portable.f0(mel))
    for name in ("given", "predicted"):
        assert made[f"{name}-whole"].any()
        assert np.array_equal(made[f"{name}0"], made[f"{name}-whole"])
        assert np.array_equal(made[f"{name}1"], made[f"{name}-whole"])  # after a reset


@pytest.mark.parametrize("model", [DEFAULT, SINGING, "same"])
def test_mels_are_those_of_python(
    node: Node, tmp_path: Path, audio: np.ndarray, model: Path | str
) -> None:
    if model == "same":  # zeros at the ends, Slaney's bands
        model = tmp_path / "tiny.safetensors"
        save_model(model, tiny_model("tiny_wavehax_frame"))
    features = wavehax.load(model).features
    hush = np.concatenate(
        [audio, np.zeros(5000, np.float32), 1e-4 * audio[:7001]]
    )  # quiet bands, and the floor
    made = node("mel", model, audio=hush)
    expected = log_mel(hush, features).T.ravel()
    assert np.abs(made["mel"] - expected).max() < 1e-4
    assert np.array_equal(made["streamed"], made["mel"])


@pytest.mark.parametrize("samples", [1, 2, 300, 512, 513, 700])
def test_mels_of_recordings_shorter_than_a_window_are_those_of_python(
    node: Node, portable: wavehax.Vocoder, audio: np.ndarray, samples: int
) -> None:
    short = audio[9000 : 9000 + samples]
    made = node("mel", DEFAULT, audio=short)
    assert np.abs(made["mel"] - log_mel(short, portable.features).T.ravel()).max() < 1e-4
    assert np.array_equal(made["streamed"], made["mel"])


def test_recordings_come_back_as_python_makes_them(
    node: Node, portable: wavehax.Vocoder, audio: np.ndarray
) -> None:
    made = node("resynth", DEFAULT, audio=audio)
    mel = log_mel(audio, portable.features)
    f0 = portable.f0(mel)
    size = len(audio)
    assert_near(
        made["plain"], portable(mel, f0, seed=3)[:size], 0.02
    )  # F0 in its last bits, as above
    for name, expected in (
        ("higher", portable(mel, f0, f0_scale=1.25)),
        ("monotone", pitched(portable, mel, f0, np.where(f0 > 0, 132, 0))),
        ("whisper", pitched(portable, mel, f0, 0 * f0)),
    ):
        ours, theirs = (log_mel(wave[:size], portable.features) for wave in (made[name], expected))
        loud = theirs > theirs.max() - 4  # 35 dB; phases differ by what F0 differs in its last bits
        assert np.abs(ours - theirs)[loud].mean() < 0.02, name


def pitched(
    voc: wavehax.Vocoder, mel: np.ndarray, f0: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """The mel without its own pitch, with another one."""
    return voc(flatten_harmonics(mel, f0, voc.features), wanted.astype(np.float32))


def test_what_makes_no_sense_is_refused_by_name_and_leaves_a_stream_as_it_was(node: Node) -> None:
    node("refusals", DEFAULT)


def test_a_file_that_is_no_model_is_refused_with_the_words_of_the_c_interface(node: Node) -> None:
    node("models", DEFAULT)


def test_hostile_files_are_refused_and_never_trap(node: Node, tmp_path: Path) -> None:
    save_model(tmp_path / "tiny.safetensors", with_f0(tiny_model("tiny_wavehax_frame")))
    node("hostile", tmp_path / "tiny.safetensors")


def test_a_model_that_needs_the_whole_utterance_says_so_and_gives_the_samples_of_python(
    node: Node, tmp_path: Path
) -> None:
    save_model(tmp_path / "whole.safetensors", tiny_model("tiny_wavehax"))
    mel = np.random.default_rng(0).standard_normal((10, 40)).astype(np.float32)
    f0 = np.where(np.arange(40) % 13 < 9, 150 + np.arange(40.0), 0).astype(np.float32)
    made = node("whole", tmp_path / "whole.safetensors", mel=mel.T, f0=f0)
    assert_near(made["wave"], wavehax.load(tmp_path / "whole.safetensors", isa="portable")(mel, f0))


def test_a_model_with_an_odd_hop_gives_the_samples_of_python(node: Node, tmp_path: Path) -> None:
    model = with_f0(tiny_model("tiny_wavehax_frame"))
    save_model(tmp_path / "tiny.safetensors", model)
    voc = wavehax.load(tmp_path / "tiny.safetensors", isa="portable")
    mel = np.random.default_rng(0).standard_normal((10, 300)).astype(np.float32)
    f0 = voc.f0(mel)
    made = node("vocode", tmp_path / "tiny.safetensors", mel=mel.T, f0=f0)
    assert_near(made["wave"], voc(mel, f0, seed=2**63 + 5))
