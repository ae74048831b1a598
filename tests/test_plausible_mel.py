"""Mels that are not what a model takes: named with the remedy, or refused; true ones pass."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
from voices import voice

import wavehax
from wavehax.checkpoint import load_model
from wavehax.config import FEATURES, FeatureConfig
from wavehax.files.resample import resample
from wavehax.files.sound import read_audio
from wavehax.mel.convert import convert
from wavehax.mel.features import log_mel, natural_mel
from wavehax.mel.plausible_mel import check_source, finding
from wavehax.models.locate import model_path

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "data" / "cases"
VOCOS = FEATURES["vocos-24k"]
MODEL = load_model(model_path("vocos-24k"))
SPEECH = MODEL.weights["mel_mean"], MODEL.weights["mel_scale"]


SOURCES = ["bigvgan-24k", "hifigan-22k", "nsf-hifigan-44k", "vocos-24k", "wavehax-24k"]
VOICES = {
    name: ROOT / "docs" / "samples" / f"{name}.flac"
    for name in ("flemishguy", "kathleen", "nathalie")
}


def said(mel: np.ndarray, name: str) -> str:
    """What is said of a mel before it is converted from a preset: nothing, or one warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_source(np.asarray(mel, np.float32), FEATURES[name])
    assert len(caught) < 2
    return str(caught[0].message) if caught else ""


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    return read_audio(ROOT / "tests" / "data" / "recording.wav", 24000)[0]


def cause(mel: np.ndarray, features: FeatureConfig = VOCOS, speech=SPEECH) -> str | None:
    found = finding(np.asarray(mel, np.float32), features, *speech)
    return None if found is None else found.cause


WRONG = {
    "decibels": lambda mel, audio: 20 / np.log(10) * mel,
    "logarithms of squared magnitudes": lambda mel, audio: 2 * mel,
    "logarithms to base 10": lambda mel, audio: mel / np.log(10),
    "a normalised mel": lambda mel, audio: (mel - mel.mean()) / mel.std(),
    "magnitudes without a logarithm": lambda mel, audio: np.exp(mel),
    "the mel 'bigvgan-24k'": lambda mel, audio: log_mel(audio, FEATURES["bigvgan-24k"]),
    "the mel 'wavehax-24k'": lambda mel, audio: log_mel(audio, FEATURES["wavehax-24k"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_likely_cause_is_named(recording, name):
    assert name in cause(WRONG[name](log_mel(recording, VOCOS), recording))


@pytest.mark.parametrize("gain", [-30, 0, 12])
@pytest.mark.parametrize("kind", ["speech", "noisy", "tone", "silence before"])
def test_true_mels_of_any_level_pass(recording, kind, gain):
    rng = np.random.default_rng(0)
    audio = {
        "speech": recording,
        "noisy": recording + 0.02 * rng.standard_normal(len(recording)),
        "tone": voice(2.0, 440, seed=0),
        "silence before": np.concatenate([np.zeros(24000), recording]),
    }[kind]
    assert cause(natural_mel(audio * 10 ** (gain / 20), VOCOS)) is None


@pytest.mark.parametrize("snr", [20, 15, 10, 5])
@pytest.mark.parametrize("name", SOURCES)
def test_noise_is_not_taken_for_another_logarithm(recording, name, snr):
    audio = resample(recording, 24000, FEATURES[name].sample_rate)
    noise = np.random.default_rng(0).standard_normal(len(audio)) * audio.std()
    noisy = audio + noise * 10 ** (-snr / 20)
    for gain in (-30, 0):
        assert said(natural_mel(noisy * 10 ** (gain / 20), FEATURES[name]), name) == ""


@pytest.mark.parametrize("gain", [-30, 0, 12])
@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("name", SOURCES)
def test_true_mels_pass_before_they_are_converted(name, voice, gain):
    audio, _ = read_audio(VOICES[voice], FEATURES[name].sample_rate)
    assert said(natural_mel(audio * 10 ** (gain / 20), FEATURES[name]), name) == ""


@pytest.mark.parametrize("wrong", ["decibels", "magnitudes without a logarithm"])
@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("name", SOURCES)
def test_decibels_and_magnitudes_are_noticed_before_they_are_converted(name, voice, wrong):
    """Most values of the first lie below the floor of the definition, and all of the second above.

    All are noticed; of other logarithms, only those of voices that move enough."""
    audio, _ = read_audio(VOICES[voice], FEATURES[name].sample_rate)
    message = said(WRONG[wrong](log_mel(audio, FEATURES[name]), audio), name)
    assert f"looks like {wrong}, and the definition named is {name!r}" in message


@pytest.mark.parametrize("name", SOURCES)
def test_base_10_and_squared_magnitudes_are_noticed_before_they_are_converted(recording, name):
    features = FEATURES[name]
    audio = resample(recording, 24000, features.sample_rate)
    assert "to base 10" in said(log_mel(audio, features) / np.log(10), name)
    squared = dataclasses.replace(features, power=2, log_floor=features.log_floor**2)
    message = said(log_mel(audio, squared), name)
    assert "squared magnitudes" in message and "--mel-power 2" in message


@pytest.mark.parametrize("name", SOURCES)
def test_a_mel_that_is_normalised_band_by_band_is_noticed_also_of_a_held_tone(recording, name):
    features = FEATURES[name]
    for audio in (recording, voice(2.0, 440, seed=0)):
        mel = log_mel(resample(audio, 24000, features.sample_rate), features)
        scale = np.maximum(mel.std(axis=1, keepdims=True), 1e-3)  # a band may be silent
        mel = (mel - mel.mean(axis=1, keepdims=True)) / scale
        assert "a normalised mel" in said(mel, name)


def test_a_definition_with_an_empty_band_is_looked_at_as_well(recording):
    features = dataclasses.replace(FEATURES["bigvgan-24k"], mel_scale="htk", n_fft=400)
    mel = log_mel(recording, features)
    assert (mel == mel.min()).all(axis=1).any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_source(mel, features)
    with pytest.warns(UserWarning, match="decibels"):
        check_source(20 / np.log(10) * mel, features)


def test_padding_of_any_value_and_a_mel_of_a_few_frames_pass(recording):
    mel = log_mel(recording, VOCOS)
    padded = np.pad(mel, ((0, 0), (0, 60)), constant_values=-100)
    assert cause(padded) is None and cause(np.full((100, 60), -25.0)) is None
    assert cause(20 * mel[:, :39]) is None and cause(20 * mel[:, :41]) is not None


def test_a_square_mel_that_is_transposed_is_named(recording):
    mel = log_mel(recording, VOCOS)
    start = int(np.argmax([mel[:, t : t + 100].mean() for t in range(mel.shape[1] - 100)]))
    square = mel[:, start : start + 100]
    assert cause(square) is None
    assert cause(square.T) == "one with bands and frames exchanged"


@pytest.mark.parametrize("name", ["speecht5-16k", "parallel-wavegan-24k"])
def test_the_presets_in_base_10_are_named_beside_the_flag(name):
    """Each is given to the model of as many bands, at the rate that it is of."""
    preset = FEATURES[name]
    audio, _ = read_audio(ROOT / "tests" / "data" / "recording.wav", preset.sample_rate)
    voc = wavehax.load("hifigan-22k")
    with pytest.warns(UserWarning, match="to base 10") as caught:
        voc.prepare(log_mel(audio, preset), None)
    assert "--mel-log 10" in str(caught[0].message)
    assert f"--features {name}" in str(caught[0].message)


def test_mels_of_80_bands_are_told_apart_as_well(recording):
    """With statistics of speech that are estimated from those of another model."""
    hifigan = FEATURES["hifigan-22k"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mean = convert(np.tile(SPEECH[0][:, None], 9), VOCOS, hifigan)[:, 4]
    speech = mean, np.full(80, 1.9)
    audio = resample(recording, 24000, 22050)
    true = log_mel(audio, hifigan)
    assert cause(true, hifigan, speech) is None
    # The same bands, with frames half a hop earlier, are no other mel.
    assert cause(log_mel(audio, FEATURES["tacotron2-22k"]), hifigan, speech) is None
    assert "base 10" in cause(true / np.log(10), hifigan, speech)
    assert "normalised" in cause((true + 5.54) / 2.12, hifigan, speech)
    assert "normalised" in cause(np.load(CASES / "matcha_normalised_mel.npy"), hifigan, speech)


def test_a_clear_match_is_refused_and_a_doubt_is_a_warning(recording):
    voc = wavehax.load()
    other = log_mel(recording, FEATURES["bigvgan-24k"])
    with pytest.raises(ValueError, match=r"looks like the mel 'bigvgan-24k'.*--features bigvgan"):
        voc(other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert voc(other, force_definition=True).size
        assert voc(log_mel(recording, VOCOS)).size
    with pytest.warns(UserWarning, match=r"looks like decibels.*--mel-log dB") as record:
        voc(20 / np.log(10) * log_mel(recording, VOCOS))
    assert len(record) == 1 and record[0].filename == __file__


def test_the_command_line_refuses_converts_and_forces(command, recording, tmp_path):
    np.save(tmp_path / "a.npy", log_mel(recording, FEATURES["bigvgan-24k"]))
    line = ("vocode", tmp_path / "a.npy", "-o", tmp_path / "a.wav")
    code, _, err = command(*line)
    assert code == 1 and err.count("\n") == 1 and "--features bigvgan-24k" in err
    assert not (tmp_path / "a.wav").exists()
    code, _, err = command(*line, "--stream", "64")
    assert code == 1 and not (tmp_path / "a.wav").exists()
    assert command(*line, "--features", "bigvgan-24k") == (0, "", "")
    assert command(*line, "--force-definition", "--force") == (0, "", "")


def test_mel_log_for_a_mel_that_needs_none_is_refused_by_its_name(command, recording, tmp_path):
    mel = log_mel(recording, VOCOS)
    np.save(tmp_path / "natural.npy", mel)
    np.save(tmp_path / "dB.npy", 20 / np.log(10) * mel)
    line = ("-o", tmp_path / "a.wav", "--force", "--mel-log", "dB")
    code, _, err = command("vocode", tmp_path / "natural.npy", *line)
    assert code == 1 and err.count("\n") == 1 and err.endswith("takes the mel as the flags say\n")
    assert "looks like 'vocos-24k' as it is, and with --mel-log dB like a normalised mel" in err
    assert command("vocode", tmp_path / "natural.npy", *line, "--force-definition") == (0, "", "")
    assert command("vocode", tmp_path / "dB.npy", *line) == (0, "", "")


def test_the_command_line_looks_at_a_mel_before_it_is_converted(command, recording, tmp_path):
    """What mends it gives the sound of the mel as it should be."""
    mel = log_mel(recording, FEATURES["bigvgan-24k"])
    np.save(tmp_path / "true.npy", mel)
    np.save(tmp_path / "dB.npy", 20 / np.log(10) * mel)
    named = ("--features", "bigvgan-24k", "--force", "-o", tmp_path / "a.wav")
    said = "looks like decibels, and the definition named is 'bigvgan-24k': --mel-log dB"
    with pytest.warns(UserWarning, match=said) as caught:
        assert command("vocode", tmp_path / "dB.npy", *named)[0] == 0
    assert len(caught) == 1
    assert command("vocode", tmp_path / "dB.npy", *named, "--force-definition") == (0, "", "")
    assert command("vocode", tmp_path / "dB.npy", *named, "--mel-log", "dB") == (0, "", "")
    mended, _ = read_audio(tmp_path / "a.wav", 24000)
    assert command("vocode", tmp_path / "true.npy", *named) == (0, "", "")
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav", 24000)[0], mended, atol=1e-3)


def test_a_mel_of_another_preset_than_the_one_named_is_refused(command, recording, tmp_path):
    np.save(tmp_path / "a.npy", log_mel(recording, FEATURES["wavehax-24k"]))
    line = ("vocode", tmp_path / "a.npy", "--features", "bigvgan-24k", "-o", tmp_path / "a.wav")
    code, _, err = command(*line)
    assert code == 1 and "--features wavehax-24k names it" in err and err.count("\n") == 1
    assert not (tmp_path / "a.wav").exists()
    assert command(*line, "--force-definition") == (0, "", "")


def test_mels_that_people_brought_get_their_right_answers(command, tmp_path):
    def vocode(name: str, *flags: str) -> tuple[int, str]:
        code, _, err = command(
            "vocode", CASES / name, "-o", tmp_path / "out.wav", "--force", *flags
        )
        return code, err

    code, err = vocode("bigvgan24k_mel_of_espeak.npy")
    assert code == 1 and "looks like the mel 'bigvgan-24k'" in err and err.count("\n") == 1
    assert vocode("bigvgan24k_mel_of_espeak.npy", "--features", "bigvgan-24k") == (0, "")
    assert vocode("vocos_mel_dB.npy", "--mel-log", "dB") == (0, "")
    code, err = vocode("square_100x100_transposed.npy")
    assert code == 1 and "bands and frames cannot be told apart" in err
    code, err = vocode("matcha_normalised_mel.npy")
    assert code == 1 and "80 bands" in err
    for name, below in (("nsf_below_floor_-25.npy", -25), ("nsf_pad_-100.npy", -100)):
        nsf = ("--model", "nsf-hifigan-44k", "--f0", "150")
        assert vocode(name, *nsf) == (0, "")
        made, _ = read_audio(tmp_path / "out.wav", 44100)
        mel = np.load(CASES / name)
        assert mel.min() == below
        np.savez(tmp_path / "clamped.npz", mel=np.maximum(mel, np.float32(np.log(1e-5))))
        assert command(
            "vocode", tmp_path / "clamped.npz", *nsf, "-o", tmp_path / "out.wav", "--force"
        ) == (0, "", "")  # fmt: skip
        np.testing.assert_array_equal(read_audio(tmp_path / "out.wav", 44100)[0], made)


def test_decibels_are_named_in_one_line(tmp_path):
    import subprocess
    import sys

    from processes import ENVIRONMENT

    line = ["-m", "wavehax", "vocode", str(CASES / "vocos_mel_dB.npy"), "-o", "a.wav"]
    done = subprocess.run(
        [sys.executable, *line], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stderr.count("mel looks like") == 1
    line = done.stderr.splitlines()[0]
    assert "looks like decibels" in line and "--mel-log dB" in line
