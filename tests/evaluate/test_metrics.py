"""Metrics on signals whose score is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluate_signals import RATE, noisy, voice

from wavehax.evaluate import metrics, pitch


def test_pesq_of_a_copy_is_its_maximum_and_falls_with_noise() -> None:
    pytest.importorskip("pesq", reason="needs the extra [eval]")
    wave = voice()
    scores = [metrics.pesq_wb(wave, noisy(wave, level), RATE) for level in (0, 0.003, 0.03)]
    assert scores[0] == pytest.approx(4.644, abs=1e-3)  # P.862.2 maps the best raw score to this
    assert scores[0] > scores[1] > scores[2]


@pytest.mark.filterwarnings("ignore:invalid value")  # of pesq itself
def test_pesq_of_silence_is_an_error_not_a_number() -> None:
    pytest.importorskip("pesq", reason="needs the extra [eval]")
    with pytest.raises(ValueError, match="PESQ"):
        metrics.pesq_wb(np.zeros(RATE, np.float32), np.zeros(RATE, np.float32), RATE)


def test_stoi_of_a_copy_is_one_and_falls_with_noise() -> None:
    pytest.importorskip("pystoi", reason="needs the extra [eval]")
    wave = voice()
    scores = [metrics.stoi(wave, noisy(wave, level), RATE) for level in (0, 0.05, 0.5)]
    assert scores[0] == pytest.approx(1, abs=1e-6)
    assert scores[0] > scores[1] > scores[2]


def test_mel_l1_of_a_gain_is_its_logarithm() -> None:
    wave = 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert metrics.mel_l1(wave, wave, RATE) == 0
    assert metrics.mel_l1(wave, np.float32(0.5) * wave, RATE) == pytest.approx(
        math.log(2), rel=1e-4
    )


def test_stft_distance_of_a_gain_is_known() -> None:
    wave = noisy(np.zeros(RATE, np.float32), 0.1)
    assert metrics.stft_distance(wave, wave) == 0
    convergence = 0.5  # ||A - A/2|| / ||A||
    assert metrics.stft_distance(wave, np.float32(0.5) * wave) == pytest.approx(
        convergence + math.log(2), rel=1e-3
    )


def test_stft_distance_is_that_of_scipys_stft() -> None:
    signal = pytest.importorskip("scipy.signal")
    pair = [voice(), noisy(voice(), 0.01)]
    losses = []
    for n_fft, hop, window in ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240)):
        padded = [np.pad(wave.astype(np.float64), n_fft // 2, mode="reflect") for wave in pair]
        taper = np.pad(signal.get_window("hann", window), (n_fft - window) // 2)
        frames = [signal.ShortTimeFFT(taper, hop, fs=1) for _ in pair]
        count = 1 + len(pair[0]) // hop
        a, b = (
            np.maximum(np.abs(f.stft(x, p0=0, p1=count, k_offset=n_fft // 2)), 1e-7**0.5)
            for f, x in zip(frames, padded, strict=True)
        )
        losses.append(np.linalg.norm(a - b) / np.linalg.norm(a) + np.mean(np.abs(np.log(a / b))))
    assert metrics.stft_distance(*pair) == pytest.approx(np.mean(losses), rel=1e-4)


def test_mel_cepstral_distortion_ignores_level_and_sees_the_envelope() -> None:
    pytest.importorskip("pyworld", reason="needs the extra [f0]")
    wave = voice()
    f0 = pitch.harvest(wave, RATE)
    others = (wave, 0.5 * wave, voice(tilt=1.5))
    distortion = [metrics.mel_cepstral_distortion(wave, other, RATE, f0) for other in others]
    assert distortion[0] == 0
    assert distortion[1] < 0.1
    assert distortion[2] > 2


def test_warped_cepstrum_is_the_spectrum_on_the_warped_axis() -> None:
    alpha, size, order = 0.466, 40, 200
    cepstrum = np.random.default_rng(0).standard_normal(size) * 0.8 ** np.arange(size)
    warped = cepstrum @ metrics._warping_matrix(size, order, alpha)
    w = np.linspace(0.1, 3, 20)
    # the all-pass's phase
    warped_w = w + 2 * np.arctan(alpha * np.sin(w) / (1 - alpha * np.cos(w)))
    expected = cepstrum @ np.cos(np.outer(np.arange(size), w))
    np.testing.assert_allclose(
        warped @ np.cos(np.outer(np.arange(order + 1), warped_w)), expected, atol=1e-6
    )
