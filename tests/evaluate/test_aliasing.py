"""Energy off the harmonic series: of signals whose share is known, of the prior, and of a model
from end to end."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from evaluate_signals import RATE, voice

import wavehax
from wavehax.checkpoint import Model, load_model, save_model
from wavehax.config import FEATURES, GeneratorConfig, parameter_shapes
from wavehax.config.written import natural
from wavehax.evaluate.aliasing import measure, mels
from wavehax.evaluate.aliasing.subjects import Subject
from wavehax.files.sound import write_audio
from wavehax.mel.features import log_mel, mel_frequencies, natural_mel
from wavehax.models.locate import model_path
from wavehax.vocoder import Vocoder

pytest.importorskip("scipy", reason="needs the extra [eval]")

RECORDING = Path(__file__).parents[1] / "data" / "recording.wav"


def test_the_prior_alone_has_less_than_minus_80_db_off_its_harmonics_up_to_2_khz() -> None:
    voc = wavehax.load()
    for f0 in measure.TONES[measure.TONES <= 2000]:
        wave = voc.prior(measure.steady(voc, f0))[2400 : 2400 + RATE].astype(np.float64)
        on, off = measure.split_energy(wave, f0, RATE)
        assert 10 * np.log10(off / on) < -80, f0


def test_a_tone_between_the_harmonics_is_found_at_its_level() -> None:
    time = np.arange(RATE) / RATE
    wave = np.sin(2 * np.pi * 200 * time) + np.sin(2 * np.pi * 400 * time)
    for level in (1e-2, 1e-5):
        on, off = measure.split_energy(wave + level * np.sin(2 * np.pi * 3110 * time), 200, RATE)
        assert 10 * np.log10(off / on) == pytest.approx(
            20 * np.log10(level) - 10 * np.log10(2), abs=0.05
        )


def test_a_naive_sawtooth_aliases_and_is_caught() -> None:
    phase = 1100 * np.arange(RATE) / RATE
    on, off = measure.split_energy(2 * (phase % 1) - 1, 1100, RATE)
    assert -40 < 10 * np.log10(off / on) < -10


def test_a_window_too_short_for_the_harmonics_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least"):
        measure.split_energy(np.zeros(4096), 65, RATE)


def test_a_glide_becomes_a_tone_when_time_is_warped() -> None:
    f0 = 200 * 2 ** (np.arange(RATE) / RATE)
    phase = np.cumsum(f0) / RATE
    wave = sum(np.sin(2 * np.pi * k * phase) for k in range(1, 20))
    other = 1e-3 * np.sin(2 * np.pi * 2.5 * phase)
    off = []
    for signal in (wave, wave + other):
        on, rest = measure.split_energy(*_at_one_cycle(signal, phase))
        off.append(10 * np.log10(rest / on))
    assert off[0] < -80
    assert off[1] == pytest.approx(-60 - 10 * np.log10(19), abs=0.5)


def _at_one_cycle(wave: np.ndarray, phase: np.ndarray) -> tuple[np.ndarray, float, float]:
    warped = measure._warped(wave, phase, slice(6000, 16000))
    return warped, 1.0, len(warped) / (phase[16000] - phase[6000])


def test_what_two_waves_have_in_common_is_left_and_their_noise_is_not() -> None:
    time, rng = np.arange(RATE) / RATE, np.random.default_rng(0)
    common = np.sin(2 * np.pi * 200 * time) + 1e-2 * np.sin(2 * np.pi * 3110 * time)
    waves = [common + 1e-2 * rng.standard_normal(RATE) for _ in range(2)]
    on, off = measure.split_energy(waves[0], 200, RATE)
    _, in_common = measure.split_energy(waves[0], 200, RATE, waves[1])
    # noise of twice the tone's power
    assert 10 * np.log10(off / on) == pytest.approx(-40 + 10 * np.log10(3), abs=0.3)
    assert 10 * np.log10(in_common / on) == pytest.approx(-40, abs=0.3)


@pytest.mark.parametrize("f0", [65.4, 440.0, 2093.0])
def test_a_wrong_pitch_is_forgiven_and_what_lies_off_it_is_not(f0: float) -> None:
    time, made = np.arange(RATE) / RATE, 1.1 * f0
    tone = sum(np.sin(2 * np.pi * k * made * time) for k in range(1, int(RATE / 2 / made) + 1))
    wave = tone + 1e-2 * np.sin(2 * np.pi * 3.5 * made * time)
    on, off = measure.split_energy(wave, made, RATE)
    assert measure.retuned(wave, f0, RATE) == pytest.approx(10 * np.log10(off / on), abs=0.5)
    on, off = measure.split_energy(wave, f0, RATE)
    assert off > on


def test_stripes_are_found_at_multiples_of_the_frame_rate_and_nowhere_else() -> None:
    time, noise = np.arange(RATE) / RATE, 1e-3 * np.random.default_rng(0).standard_normal(RATE)
    wave = np.sin(2 * np.pi * 1000 * time) + noise
    assert abs(measure.stripes(wave, 1000, RATE, 256)) < 1
    assert measure.stripes(wave + 1e-2 * np.sin(2 * np.pi * 3110 * time), 1000, RATE, 256) < 0
    striped = wave + 1e-3 * sum(np.sin(2 * np.pi * k * RATE / 256 * time) for k in range(1, 128))
    assert measure.stripes(striped, 1000, RATE, 256) > 20


@pytest.fixture(scope="module")
def white_frame() -> np.ndarray:
    """The log-mel of white noise, its power averaged over frames."""
    mel = log_mel(0.05 * np.random.default_rng(0).standard_normal(2 * RATE), FEATURES["vocos-24k"])
    return 0.5 * np.log(np.exp(2 * mel[:, 5:-5]).mean(axis=1))


@pytest.mark.parametrize("f0", [110.0, 440.0, 1000.0])
def test_a_sung_frame_keeps_its_envelope_and_takes_the_f0(
    white_frame: np.ndarray, f0: float
) -> None:
    voc = wavehax.load()
    slope = np.linspace(0, -3, len(white_frame))  # 26 dB over the bands
    flat, sloping = (
        mels.sung_mel(voc, frame)(measure.steady(voc, f0))[:, 20:-20].mean(axis=1)
        for frame in (white_frame, white_frame + slope)
    )
    centres = mel_frequencies(voc.features)[1:-1]
    at_harmonics = [np.abs(centres - hz).argmin() for hz in np.arange(f0, 11000, f0)]
    np.testing.assert_allclose((sloping - flat)[at_harmonics], slope[at_harmonics], atol=0.15)
    if f0 > 200:  # of lower ones no band is narrow enough
        between = [np.abs(centres - hz).argmin() for hz in np.arange(1.5 * f0, 2000, f0)]
        assert flat[at_harmonics[: len(between)]].min() > flat[between].max() + 1


def test_a_sung_frame_is_as_loud_as_it_was(white_frame: np.ndarray) -> None:
    """A band adds magnitudes, of which harmonics have less than noise of the same power: 2 dB."""
    voc = wavehax.load()
    sung = mels.sung_mel(voc, white_frame)(measure.steady(voc, 110))[:, 20:-20].mean(axis=1)
    for band in range(20, 100, 20):
        level, expected = (
            10 * np.log10(np.exp(2 * x[band : band + 20]).mean()) for x in (sung, white_frame)
        )
        assert level == pytest.approx(expected - 2, abs=1)


def test_a_sung_frame_is_as_loud_as_it_was_where_bands_are_of_powers() -> None:
    """A band adds powers, of which harmonics have as much as noise of the same power."""
    model = load_model(model_path())
    features = dataclasses.replace(model.features, power=2, log_floor=1e-14)
    voc = Vocoder(dataclasses.replace(model, features=features))
    noise = natural_mel(0.05 * np.random.default_rng(0).standard_normal(2 * RATE), features)
    frame = 0.5 * np.log(np.exp(2 * noise[:, 5:-5]).mean(axis=1))
    sung = natural(mels.sung_mel(voc, frame)(measure.steady(voc, 110))[:, 20:-20], features)
    for band in range(20, 100, 20):
        level, expected = (
            10 * np.log10(np.exp(2 * x[band : band + 20]).mean()) for x in (sung, frame)
        )
        assert level == pytest.approx(expected, abs=1)


def test_a_model_whose_mel_is_written_otherwise_gets_the_same_mels() -> None:
    model = load_model(model_path())
    decibels = dataclasses.replace(model.features, log="dB", mean=(-30.0,), scale=(12.5,))
    other = Vocoder(dataclasses.replace(model, features=decibels))
    mean = model.weights["mel_mean"]
    made, expected = (
        mels.mels_of(Subject(voc, "pcph", mean), [RECORDING]) for voc in (other, wavehax.load())
    )
    f0 = np.full(20, 300, np.float32)
    assert len(made) == len(expected) == 5
    for name, mel_of in made.items():
        assert mel_of(f0).mean() > 0  # decibels of speech, normalised
        np.testing.assert_allclose(natural(mel_of(f0), decibels), expected[name](f0), atol=1e-4)


def test_the_neutral_mel_has_one_frame_for_each_of_f0_and_the_held_one_too() -> None:
    voc = wavehax.load()
    f0 = np.full(50, 300, np.float32)
    mel = mels.neutral_mel(voc)(f0)
    assert mel.shape == mels.held_mel(voc, mel[:, 0])(f0).shape == (voc.features.n_mels, 50)
    centres = mel_frequencies(voc.features)[1:-1]
    assert mel[:, 25].argmax() == np.abs(centres - 300).argmin()


@pytest.fixture(params=["same", "centre"])
def model(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    sizes = {"channels": 2, "num_blocks": 1, "kernel_size": (3, 3), "n_fft": 512, "hop_length": 256}
    config = GeneratorConfig(
        **sizes, norm="batch", output="excitation", frame_alignment=request.param
    )
    weights = {
        name: np.full(shape, 1e-3, np.float32) for name, shape in parameter_shapes(config).items()
    }
    save_model(tmp_path / "model.safetensors", Model(config, FEATURES["vocos-24k"], weights))
    return tmp_path / "model.safetensors"


@pytest.mark.slow
def test_the_command_measures_models_and_draws(
    command, model: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(measure, "TONES", np.array([100.0, 1000.0]))
    monkeypatch.setattr(measure, "_GLIDE_SECONDS", 0.5)  # an octave: three windows
    write_audio(tmp_path / "a.wav", voice(1), RATE)
    output = tmp_path / "aliasing.html"
    code, out, err = command(
        "evaluate", "aliasing", model, "--speech", tmp_path / "a.wav", "-o", output
    )
    assert (code, err) == (0, "")
    assert "neutral, tones" in out
    (curves,) = json.loads((tmp_path / "aliasing.json").read_text()).values()
    assert [(curve["mel"], curve["movement"]) for curve in curves] == [
        (mel, movement)
        for mel in ("neutral", "with noise", "a.wav sung", "mean", "a.wav")
        for movement in ("tones", "glide")
    ]
    assert max(curves[0]["prior"]) < -80
    assert max(curves[1]["prior"]) < -25  # half a hop out of step with the warped time: +5
    assert len(curves[1]["f0"]) == len(curves[1]["output"]) == 3
    assert output.read_text().count('class="plot"') == 10


def test_a_model_with_another_prior_is_refused(command, tmp_path: Path) -> None:
    config = GeneratorConfig(
        channels=2,
        num_blocks=1,
        kernel_size=3,
        n_fft=512,
        hop_length=256,
        norm="batch",
        prior="sine",
    )
    weights = {
        name: np.full(shape, 1e-3, np.float32) for name, shape in parameter_shapes(config).items()
    }
    save_model(tmp_path / "sine.safetensors", Model(config, FEATURES["vocos-24k"], weights))
    code, _, err = command("evaluate", "aliasing", tmp_path / "sine.safetensors")
    assert code == 1
    assert "prior 'sine': expected a model with the prior 'pcph'" in err


def test_recordings_of_one_name_are_refused_as_one_would_hide_the_other(command) -> None:
    code, out, err = command("evaluate", "aliasing", "--speech", "a/x.wav", "b/x.wav", "y.wav")
    assert (code, out) == (2, "")
    assert err == "wavehax: --speech: 2 files are called x.wav, expected names that differ\n"
