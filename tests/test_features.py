"""Log-mel and F0 against the official values, against a direct computation, and at the edges."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tiny_models import recording_features

from wavehax.config import FEATURES, FeatureConfig
from wavehax.mel.features import (
    f0_from_audio,
    frame_count,
    log_mel,
    mel_filterbank,
    mel_frequencies,
)

PLAIN = ("wavehax-24k", "wavehax-48k", "vocos-24k", "hifigan-22k", "nsf-hifigan-44k")
"""Definitions whose formula is in this file; that of the others is in test_definitions.py."""
PRESETS = {"wavehax-24k": "mel", "vocos-24k": "mel_vocos_24k"}


def harvest_f0(audio: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """Harvest as the official recipes call it, where the extra [f0] is installed."""
    pytest.importorskip("pyworld")
    return f0_from_audio(audio, features, 70, 500, "harvest")


@pytest.fixture(scope="module")
def official() -> dict[str, np.ndarray]:
    return recording_features()


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize("name", PRESETS)
def test_log_mel_equals_the_official_one(official: dict[str, np.ndarray], name: str) -> None:
    mel = log_mel(official["wave"], FEATURES[name])
    assert mel.dtype == np.float32
    # The official code computes in float32, and its rounding is relative to the frame's loudest
    # bin: a few 1e-5 of log in a band 60 dB (7 nepers) below it, up to 1.4e-4 in quieter ones.
    # A float32 computation of our own equals it to 1e-6.
    expected = official[PRESETS[name]]
    loud = expected > expected.max(axis=0) - 7
    np.testing.assert_allclose(mel[loud], expected[loud], rtol=0, atol=5e-5)
    np.testing.assert_allclose(mel, expected, rtol=0, atol=2e-4)


def test_f0_equals_the_official_one(official: dict[str, np.ndarray]) -> None:
    f0 = harvest_f0(official["wave"], FEATURES["wavehax-24k"])
    np.testing.assert_allclose(f0, official["f0_harvest"], rtol=1e-6)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("samples", [700, 5000])
def test_log_mel_equals_a_direct_float64_computation(name: str, samples: int) -> None:
    features, audio = FEATURES[name], noise(samples)
    n_fft, hop = features.n_fft, features.hop_length
    if features.padding == "same":
        padded = np.pad(audio.astype(np.float64), (n_fft - hop) // 2)
    else:
        padded = np.pad(audio.astype(np.float64), n_fft // 2, mode="reflect")
    n = np.arange(n_fft)
    dft = (
        np.exp(-2j * np.pi * np.outer(np.arange(n_fft // 2 + 1), n) / n_fft)
        * np.sin(np.pi * n / n_fft) ** 2
    )
    for t in range(frame_count(samples, features)):
        magnitude = np.abs(dft @ padded[t * hop : t * hop + n_fft])
        expected = np.log(np.maximum(mel_filterbank(features) @ magnitude, features.log_floor))
        np.testing.assert_allclose(log_mel(audio, features)[:, t], expected, atol=2e-6)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("norm", ["slaney", "none"])
def test_filterbank_equals_librosas(scale: str, norm: str) -> None:
    filters = pytest.importorskip("librosa").filters
    features = FeatureConfig("x", 24000, 256, 1024, 80, 40.0, 11000.0, scale, norm, "same", 1e-5)
    htk, area = scale == "htk", "slaney" if norm == "slaney" else None
    expected = filters.mel(
        sr=24000, n_fft=1024, n_mels=80, fmin=40, fmax=11000, htk=htk, norm=area, dtype=np.float64
    )
    np.testing.assert_allclose(mel_filterbank(features), expected, rtol=1e-9, atol=1e-12)


def test_band_edges_run_from_f_min_to_f_max() -> None:
    edges = mel_frequencies(FEATURES["vocos-24k"])
    assert len(edges) == 102
    assert np.all(np.diff(edges) > 0)
    np.testing.assert_allclose(edges[[0, -1]], [0, 12000], atol=1e-6)


@pytest.mark.parametrize("name", PRESETS)
def test_long_audio_in_blocks_equals_its_parts(name: str) -> None:
    features = FEATURES[name]
    hop, reach = features.hop_length, -(-features.n_fft // features.hop_length)
    audio = noise(2100 * hop)
    whole = log_mel(audio, features)
    part = log_mel(audio[1000 * hop : 1100 * hop], features)
    inner = slice(reach, 100 - reach)
    np.testing.assert_allclose(part[:, inner], whole[:, 1000:1100][:, inner], atol=1e-6)


@pytest.mark.parametrize("name", FEATURES)
def test_frames_follow_from_the_length_alone(name: str) -> None:
    features = FEATURES[name]
    for samples in (
        features.hop_length,
        features.hop_length + 1,
        3 * features.hop_length - 1,
        2000,
    ):
        count = frame_count(samples, features)
        assert count == samples // features.hop_length + features.centred
        assert log_mel(noise(samples), features).shape == (features.n_mels, count)
        assert harvest_f0(noise(samples), features).shape == (count,)


def test_silence_is_the_floor_and_unvoiced() -> None:
    features = FEATURES["vocos-24k"]
    silence = np.zeros(6000, np.float32)
    np.testing.assert_allclose(log_mel(silence, features), np.log(features.log_floor), rtol=1e-6)
    assert not harvest_f0(silence, features).any()


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("pitch", [90.0, 220.0, 440.0])
def test_f0_of_a_pulse_train_is_its_rate(name: str, pitch: float) -> None:
    features = FEATURES[name]
    time = np.arange(24000) / 24000
    audio = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, int(12000 / pitch)))
    f0 = harvest_f0(audio.astype(np.float32), features)
    np.testing.assert_allclose(f0[5:-6], pitch, rtol=2e-3)


def test_f0_frames_stand_at_the_first_sample_of_their_hop() -> None:
    features = FEATURES["vocos-24k"]
    time = np.arange(48000) / 24000
    pitch = 150 + 50 * time  # Hz
    phase = 2 * np.pi * np.cumsum(pitch) / 24000
    audio = sum(np.sin(k * phase) / k for k in range(1, 40))
    f0 = harvest_f0(audio.astype(np.float32), features)[10:-10]
    at = 150 + 50 * np.arange(10, 10 + len(f0)) * features.hop_length / 24000
    # Half a hop away would be a bias of 0.27 Hz.
    assert abs(np.mean(f0 - at)) < 0.1


@pytest.mark.slow
def test_f0_in_pieces_is_f0_in_one_but_for_a_few_onsets(monkeypatch: pytest.MonkeyPatch) -> None:
    features = FEATURES["vocos-24k"]
    time = np.arange(4 * 24000) / 24000
    phase = 2 * np.pi * np.cumsum(180 + 40 * np.sin(2 * np.pi * 0.7 * time)) / 24000
    audio = (
        sum(np.sin(k * phase) / k for k in range(1, 40)) * (np.sin(2 * np.pi * time) > -0.8)
    ).astype(np.float32)
    whole = harvest_f0(audio, features)
    monkeypatch.setattr("wavehax.mel.pitch._CHUNK_SECONDS", 1.3)
    pieces = harvest_f0(audio, features)
    # Harvest's analysis grid hangs on the length of what it is given, and shows at the few frames
    # where voice sets in.
    assert np.mean((whole > 0) != (pieces > 0)) < 0.01
    both = (whole > 0) & (pieces > 0)
    assert np.mean(np.abs(pieces[both] / whole[both] - 1) < 0.01) > 0.97


def test_audio_of_any_floating_type_and_order_of_bytes_gives_the_same_mel() -> None:
    features, audio = FEATURES["vocos-24k"], noise(3000).astype(np.float16)
    expected = log_mel(audio.astype(np.float64), features)
    for kind in (np.float16, np.float32, ">f4", ">f8"):
        np.testing.assert_allclose(log_mel(audio.astype(kind), features), expected, atol=1e-5)
    np.testing.assert_allclose(log_mel(np.repeat(audio, 2)[::2], features), expected, atol=1e-5)


@pytest.mark.parametrize("function", [log_mel, f0_from_audio])
@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (np.zeros(0), "shape (0,)"),
        (np.zeros((2, 100)), "shape (2, 100)"),
        (np.array([0.0] * 99 + [np.nan] + [0.0] * 900), "audio[99]"),
        (np.array([np.inf] + [0.0] * 900), "audio[0]"),
        (np.zeros(900, np.int16), "type int16: expected floating point samples"),
    ],
)
def test_bad_audio_is_refused_by_name_and_index(function, audio: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match="audio") as error:
        function(audio, FEATURES["vocos-24k"])
    assert said in str(error.value)


def test_less_than_a_hop_is_refused_without_centring() -> None:
    with pytest.raises(ValueError, match="at least one hop of 240"):
        log_mel(noise(239), FEATURES["wavehax-24k"])


def test_an_empty_f0_range_is_refused() -> None:
    with pytest.raises(ValueError, match="f0_min=300"):
        f0_from_audio(noise(5000), FEATURES["vocos-24k"], f0_min=300, f0_max=200)


def test_a_band_narrower_than_a_bin_stays_finite() -> None:
    features = dataclasses.replace(FEATURES["vocos-24k"], n_mels=300, n_fft=512)
    assert np.isfinite(log_mel(noise(4000), features)).all()


def test_tensors_of_any_kind_give_what_their_arrays_give() -> None:
    torch = pytest.importorskip("torch")
    features = FEATURES["vocos-24k"]
    tensor = torch.from_numpy(0.1 * np.random.default_rng(0).standard_normal(5120)).float()
    pitch = torch.full((21,), 200.0)

    def made(audio, predicted):
        refined = f0_from_audio(audio, features, method="refined", predicted=predicted)
        return log_mel(audio, features), refined

    for kind in (torch.float32, torch.bfloat16):
        given, predicted = tensor.to(kind), pitch.to(kind)
        arrays = given.float().numpy(), predicted.float().numpy()
        grown = given.clone().requires_grad_(), predicted.clone().requires_grad_()
        for found, expected in zip(made(*grown), made(*arrays), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_masked_samples_are_refused_at_the_first() -> None:
    masked = np.ma.masked_array(np.full(5120, 0.1), np.arange(5120) == 77)
    for function in (log_mel, f0_from_audio):
        with pytest.raises(ValueError, match=r"audio\[77\] is not finite"):
            function(masked, FEATURES["vocos-24k"])
