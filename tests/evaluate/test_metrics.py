"""Metrics on signals whose score is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wavehax.evaluate import metrics

RATE = 24000


def voice(seconds: float = 2.0, pitch: float = 140.0, tilt: float = 1.0) -> np.ndarray:
    """A voiced sound, harmonics falling as 1 / k ** tilt, with a pause of a fifth of a second every second."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 2 * time))) / RATE
    wave = sum(np.sin(k * phase) / k**tilt for k in range(1, 40)) * (time % 1 < 0.8)
    return (0.1 * wave + 1e-4 * np.random.default_rng(0).standard_normal(len(time))).astype(np.float32)


def noisy(wave: np.ndarray, level: float) -> np.ndarray:
    return wave + np.float32(level) * np.random.default_rng(1).standard_normal(len(wave)).astype(np.float32)


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
    assert metrics.mel_l1(wave, np.float32(0.5) * wave, RATE) == pytest.approx(math.log(2), rel=1e-4)


def test_f0_scores_of_known_contours() -> None:
    reference = np.array([100.0, 100, 100, 100, 100, 0, 0, 0, 200, 200])
    cent = 2 ** (1 / 1200)
    synthesised = np.array([100 * cent**30, 100 / cent**30, 100, 200, 0, 0, 0, 150, 200, 200])
    scores = metrics.f0_scores(reference, synthesised)
    assert scores.rmse_cents == pytest.approx(math.sqrt((30**2 + 30**2) / 5))  # of 6 frames one is an octave off
    assert scores.gross_pitch_error == pytest.approx(1 / 6)
    assert scores.voicing_error == pytest.approx(2 / 10)


def test_f0_scores_without_a_common_voiced_frame_are_nan() -> None:
    scores = metrics.f0_scores(np.array([100.0, 0]), np.array([0.0, 100]))
    assert math.isnan(scores.rmse_cents)
    assert math.isnan(scores.gross_pitch_error)
    assert scores.voicing_error == 1


def test_harvest_follows_a_pitch_shift() -> None:
    pytest.importorskip("pyworld", reason="needs the extra [f0]")
    contours = [metrics.harvest(voice(pitch=pitch), RATE) for pitch in (140, 140 * 2 ** (50 / 1200))]
    assert metrics.f0_scores(*contours).rmse_cents == pytest.approx(50, abs=5)


def test_mel_cepstral_distortion_ignores_level_and_sees_the_envelope() -> None:
    pytest.importorskip("pyworld", reason="needs the extra [f0]")
    wave = voice()
    f0 = metrics.harvest(wave, RATE)
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
    warped_w = w + 2 * np.arctan(alpha * np.sin(w) / (1 - alpha * np.cos(w)))  # the all-pass's phase
    expected = cepstrum @ np.cos(np.outer(np.arange(size), w))
    np.testing.assert_allclose(warped @ np.cos(np.outer(np.arange(order + 1), warped_w)), expected, atol=1e-6)
