"""Mels of presets and of files against the formulas of the code that defines them."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from voices import voice

from wavehax.checkpoint import load_model, save_model
from wavehax.config import FEATURES, ConfigError, FeatureConfig, from_dict, to_dict
from wavehax.config.written import natural, written
from wavehax.mel.definitions import definition_of
from wavehax.mel.features import log_mel, natural_mel
from wavehax.mel.stream import MelStream
from wavehax.models.locate import model_path
from wavehax.vocoder import Vocoder

librosa = pytest.importorskip("librosa")


def sound(rate: int) -> np.ndarray:
    """A voice and a little noise, so that no band is at its floor; float64 [N]."""
    audio = voice(0.4, 140, seed=3).astype(np.float64)
    return audio + 1e-3 * np.random.default_rng(0).standard_normal(len(audio))


def spectrum(audio, n_fft, hop, window=None, **options) -> np.ndarray:
    """The magnitudes of librosa's transform, [bins, T]."""
    return np.abs(librosa.stft(audio, n_fft=n_fft, hop_length=hop, win_length=window, **options))


def bands(rate, n_fft, n_mels, low, high, **options) -> np.ndarray:
    return librosa.filters.mel(
        sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=low, fmax=high, dtype=np.float64, **options
    )


def bigvgan(audio, rate, n_fft, hop, n_mels):
    """BigVGAN, meldataset.py, mel_spectrogram."""
    padded = np.pad(audio, (n_fft - hop) // 2, mode="reflect")
    magnitude = np.sqrt(spectrum(padded, n_fft, hop, center=False) ** 2 + 1e-9)
    return np.log(np.maximum(bands(rate, n_fft, n_mels, 0, None) @ magnitude, 1e-5))


def tacotron2(audio):
    """NVIDIA's Tacotron 2, layers.py, TacotronSTFT.mel_spectrogram."""
    magnitude = spectrum(audio, 1024, 256, pad_mode="reflect")
    return np.log(np.maximum(bands(22050, 1024, 80, 0, 8000) @ magnitude, 1e-5))


def speecht5(audio):
    """transformers, SpeechT5FeatureExtractor._extract_mel_features."""
    magnitude = spectrum(audio, 1024, 256, pad_mode="reflect")
    return np.log10(np.maximum(1e-10, bands(16000, 1024, 80, 80, 7600) @ magnitude))


def parallel_wavegan(audio):
    """ParallelWaveGAN, bin/preprocess.py, logmelfilterbank."""
    magnitude = spectrum(audio, 2048, 300, 1200, pad_mode="reflect")
    return np.log10(np.maximum(1e-10, bands(24000, 2048, 80, 80, 7600) @ magnitude))


THEIRS = {
    "bigvgan-24k": lambda audio: bigvgan(audio, 24000, 1024, 256, 100),
    "bigvgan-44k": lambda audio: bigvgan(audio, 44100, 2048, 512, 128),
    "tacotron2-22k": tacotron2,
    "speecht5-16k": speecht5,
    "parallel-wavegan-24k": parallel_wavegan,
}


@pytest.mark.parametrize("name", THEIRS)
def test_a_preset_is_what_its_defining_code_computes(name):
    audio = sound(FEATURES[name].sample_rate)
    mel, theirs = log_mel(audio, FEATURES[name]), THEIRS[name](audio)
    assert mel.shape == theirs.shape
    # BigVGAN's 1e-9 beside the square of a magnitude is left out here.
    np.testing.assert_allclose(mel, theirs, atol=0.01 if "bigvgan" in name else 1e-5)


def test_the_presets_of_hifigan_and_tacotron2_differ_in_the_place_of_frames_alone():
    hifigan, tacotron = FEATURES["hifigan-22k"], FEATURES["tacotron2-22k"]
    assert dataclasses.replace(hifigan, name=tacotron.name, padding="centre") == tacotron


def keithito(audio):
    """keithito/tacotron, util/audio.py, melspectrogram with symmetric values up to 4."""
    emphasised = np.append(audio[0], audio[1:] - 0.97 * audio[:-1])
    magnitude = spectrum(emphasised, 2048, 256, 1024, pad_mode="constant")
    mel = bands(22050, 2048, 80, 125, 7600) @ magnitude
    decibels = 20 * np.log10(np.maximum(1e-5, mel)) - 20
    return np.clip(8 * (decibels + 100) / 100 - 4, -4, 4)


def torchaudio_power(audio):
    """torchaudio.transforms.MelSpectrogram with its defaults, then log(mel + 1e-6)."""
    power = spectrum(audio, 400, 200, pad_mode="reflect") ** 2
    return np.log(bands(16000, 400, 40, 0, 8000, htk=True, norm=None) @ power + 1e-6)


def librosa_decibels(audio):
    mel = librosa.feature.melspectrogram(y=audio, sr=24000, n_fft=1024, hop_length=256, n_mels=80)
    return librosa.power_to_db(mel, ref=0.1, amin=1e-10, top_db=None)


def matcha(audio):
    """Matcha-TTS: HiFi-GAN's mel, normalised by the statistics of its data."""
    padded = np.pad(audio, (1024 - 256) // 2, mode="reflect")
    magnitude = spectrum(padded, 1024, 256, center=False)
    mel = np.log(np.maximum(bands(22050, 1024, 80, 0, 8000) @ magnitude, 1e-5))
    return (mel + 5.536622) / 2.116101


def loudest(audio):
    """A mel of the recording with its highest sample at 0.95."""
    return bigvgan(0.95 * audio / np.abs(audio).max(), 24000, 1024, 256, 100)


FILES = {
    "keithito": (
        keithito,
        """
        sample_rate: 22050
        hop_length: 256
        n_fft: 2048
        win_length: 1024
        n_mels: 80
        f_min: 125
        f_max: 7600
        mel_scale: slaney
        mel_norm: slaney
        padding: centre-zeros
        pre_emphasis: 0.97
        log: dB
        log_floor: 1e-5
        mean: -30       # 20 dB of reference, and the middle of the 100 dB
        scale: 12.5     # 100 dB over 8
        clip: [-4, 4]
        """,
    ),
    "torchaudio": (
        torchaudio_power,
        """
        sample_rate: 16000
        hop_length: 200
        n_fft: 400
        n_mels: 40
        f_min: 0
        f_max: 8000
        mel_scale: htk
        mel_norm: none
        padding: centre
        power: 2
        log_floor: 1e-6
        floor: add
        """,
    ),
    "librosa": (
        librosa_decibels,
        """
        {like: hifigan-22k, sample_rate: 24000, f_max: 12000, padding: centre-zeros, power: 2,
         log: dB, log_floor: 1e-10, reference: 0.1}
        """,
    ),
    "matcha": (
        matcha,
        "{like: hifigan-22k, padding: same-reflect, mean: -5.536622, scale: 2.116101}",
    ),
    "loudest": (loudest, "{like: bigvgan-24k, peak: 0.95}"),
}


@pytest.fixture(params=FILES)
def own(request, tmp_path):
    """A definition from a file, and the formula that it describes."""
    pytest.importorskip("yaml")
    formula, text = FILES[request.param]
    (tmp_path / f"{request.param}.yaml").write_text(text)
    features = definition_of(tmp_path / f"{request.param}.yaml")
    assert features.name == request.param
    return features, formula


def test_a_definition_in_a_file_is_what_its_formula_says(own):
    features, formula = own
    audio = sound(features.sample_rate)
    mel, theirs = log_mel(audio, features), formula(audio)
    assert mel.shape == theirs.shape
    # The first sample has no predecessor, and keithito's filter leaves it whole as ours does.
    np.testing.assert_allclose(mel, theirs, atol=0.01 if features.peak else 2e-4)


def test_a_mel_becomes_natural_and_is_written_again(own):
    features, _ = own
    mel = log_mel(sound(features.sample_rate), features)
    undone = natural(mel, features)
    np.testing.assert_allclose(written(undone, features), mel, atol=1e-5)
    inside = mel < features.clip[1] if features.clip else np.full(mel.shape, True)
    expected = natural_mel(sound(features.sample_rate), features)
    np.testing.assert_allclose(undone[inside], expected[inside], atol=1e-4)
    assert undone.min() >= np.log(features.magnitude_floor) - 1e-4


@pytest.mark.parametrize("sizes", [[256], [1, 0, 700], [97, 511]])
def test_a_definition_in_a_file_comes_in_pieces_as_well(own, sizes):
    features, audio = own[0], sound(own[0].sample_rate)
    if features.peak:
        with pytest.raises(ValueError, match=r"features.peak=0.95: .* not known before its end"):
            MelStream(features)
        return
    stream, mels, start = MelStream(features), [], 0
    for size in itertools.cycle(sizes):
        if start >= len(audio):
            break
        mels.append(stream.push(audio[start : start + size]))
        start += size
    mels.append(stream.flush())
    np.testing.assert_allclose(np.concatenate(mels, axis=1), log_mel(audio, features), atol=2e-5)


@pytest.mark.parametrize("padding", ["centre", "same-reflect"])
def test_a_window_that_does_not_begin_with_zero_comes_in_pieces_as_well(padding):
    features = dataclasses.replace(FEATURES["vocos-24k"], window="hamming", padding=padding)
    stream, audio = MelStream(features), sound(24000)[:3000]
    mels = []
    for i in range(len(audio)):
        mels.append(stream.push(audio[i : i + 1]))
        frames = sum(mel.shape[1] for mel in mels)
        assert frames >= max(0, i + 1 - stream.delay) // features.hop_length
    mel = np.concatenate([*mels, stream.flush()], axis=1)
    np.testing.assert_allclose(mel, log_mel(audio, features), atol=1e-5)
    hamming = librosa.stft(audio, n_fft=1024, hop_length=256, window="hamming", pad_mode="reflect")
    if padding == "centre":
        expected = np.log(bands(24000, 1024, 100, 0, None, htk=True, norm=None) @ np.abs(hamming))
        np.testing.assert_allclose(mel, expected, atol=1e-4)


def test_statistics_come_from_a_file_beside_the_definition(tmp_path):
    pytest.importorskip("yaml")
    mean, scale = np.linspace(-3, -1, 80), np.linspace(0.5, 1, 80)
    np.savez(tmp_path / "stats.npz", mean=mean, scale=scale)
    (tmp_path / "mine.yaml").write_text("{like: parallel-wavegan-24k, stats: stats.npz}")
    features, audio = definition_of(tmp_path / "mine.yaml"), sound(24000)
    expected = (parallel_wavegan(audio) - mean[:, None]) / scale[:, None]
    np.testing.assert_allclose(log_mel(audio, features), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{like: vocos}", "like='vocos': expected one of wavehax-24k"),
        ("{like: vocos-24k, power: 3}", "power=3: expected 1 or 2"),
        ("{like: vocos-24k, log: ln}", "log='ln': expected one of e, 10, dB"),
        ("{like: vocos-24k, floor: max}", "floor='max': expected one of clip, add"),
        ("{like: vocos-24k, window: blackman}", "window='blackman': expected one of hann, hamming"),
        ("{like: vocos-24k, win_length: 1025}", "win_length=1025: expected 3 to n_fft=1024"),
        ("{like: vocos-24k, mean: [1, 2]}", r"mean=\(1, 2\): expected 1 or 100 finite numbers"),
        ("{like: vocos-24k, scale: 0}", r"scale=\(0,\): expected 1 or 100 positive numbers"),
        ("{like: vocos-24k, clip: [4, -4]}", r"clip=\(4, -4\): expected the lowest"),
        ("{like: vocos-24k, pre_emphasis: 1}", "pre_emphasis=1.0: expected a number, 0 or more"),
        ("{like: vocos-24k, reference: 0}", "reference=0.0: expected a number, more than 0"),
        ("{like: vocos-24k, peak: 2}", "peak=2.0: expected a number"),
        ("{like: vocos-24k, bands: 3}", "unknown field 'bands'"),
        ("{sample_rate: 24000}", "missing field 'hop_length'"),
        ("{like: vocos-24k, stats: none.npz}", "none.npz: expected an .npz file"),
        ("[1]", "expected a mapping"),
    ],
)
def test_a_file_that_defines_no_mel_is_refused_by_name_and_field(tmp_path, text, words):
    pytest.importorskip("yaml")
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ValueError, match=words) as error:
        definition_of(tmp_path / "bad.yaml")
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


@pytest.mark.parametrize("name", ["vocos", "none.yaml"])
def test_what_is_neither_preset_nor_file_is_refused(name):
    with pytest.raises(ValueError, match=f"^{name}: (expected one of|no such file)"):
        definition_of(name)


def test_todays_definitions_are_stored_as_ever_and_others_whole(tmp_path):
    assert list(to_dict(FEATURES["vocos-24k"]))[-1] == "log_floor"
    path = model_path("vocos-24k")
    model = load_model(path)
    save_model(tmp_path / "same.safetensors", model)
    assert (tmp_path / "same.safetensors").read_bytes() == path.read_bytes()
    own = dataclasses.replace(
        model.features, name="mine", log="dB", mean=tuple(range(100)), scale=(12.5,), clip=(-4, 4)
    )
    save_model(tmp_path / "mine.safetensors", dataclasses.replace(model, features=own))
    assert load_model(tmp_path / "mine.safetensors").features == own


def test_a_model_takes_the_mel_as_its_own_definition_writes_it(tmp_path):
    model = load_model(model_path("vocos-24k"))
    own = dataclasses.replace(model.features, name="mine", log="dB", mean=(-30.0,), scale=(12.5,))
    plain, mine = Vocoder(model), Vocoder(dataclasses.replace(model, features=own))
    audio = sound(24000)
    mel = log_mel(audio, own)
    np.testing.assert_allclose(
        mel, (20 * np.log10(np.exp(log_mel(audio, model.features).astype(float))) + 30) / 12.5,
        atol=1e-4,
    )  # fmt: skip
    expected = plain(log_mel(audio, model.features))
    made = mine(mel)
    assert np.abs(made - expected).max() < 1e-3
    stream = mine.stream()
    pieces = [stream.push(mel[:, i : i + 7]) for i in range(0, mel.shape[1], 7)]
    np.testing.assert_array_equal(np.concatenate([*pieces, stream.flush()]), made)


def test_two_definitions_have_the_same_bands_however_they_are_written():
    vocos = FEATURES["vocos-24k"]
    assert vocos.same_bands(dataclasses.replace(vocos, name="x", log="10", mean=(1.0,)))
    assert not vocos.same_bands(dataclasses.replace(vocos, power=2))


def test_a_window_as_long_as_the_transform_is_no_field_of_its_own():
    values = to_dict(FEATURES["vocos-24k"]) | {"win_length": 1024}
    assert from_dict(FeatureConfig, values) == FEATURES["vocos-24k"]
    with pytest.raises(ConfigError, match="win_length=-1"):
        from_dict(FeatureConfig, values | {"win_length": -1})
