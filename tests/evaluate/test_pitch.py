"""Scores of pitch and voicing on contours and sounds whose score is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluate_signals import RATE, noisy, voice

from wavehax.evaluate import pitch


def test_f0_scores_of_known_contours() -> None:
    reference = np.array([100.0, 100, 100, 100, 100, 0, 0, 0, 200, 200])
    cent = 2 ** (1 / 1200)
    synthesised = np.array([100 * cent**30, 100 / cent**30, 100, 200, 0, 0, 0, 150, 200, 200])
    scores = pitch.f0_scores(reference, synthesised)
    # of 6 frames one is an octave off
    assert scores.rmse_cents == pytest.approx(math.sqrt((30**2 + 30**2) / 5))
    assert scores.median_cents == pytest.approx(0)
    assert scores.gross_pitch_error == pytest.approx(1 / 6)
    assert scores.voicing_error == pytest.approx(2 / 10)
    precision = recall = 6 / 7
    assert scores.voicing_f1 == pytest.approx(2 * precision * recall / (precision + recall))


def test_f0_scores_without_a_common_voiced_frame_are_nan() -> None:
    scores = pitch.f0_scores(np.array([100.0, 0]), np.array([0.0, 100]))
    assert math.isnan(scores.rmse_cents)
    assert math.isnan(scores.median_cents)
    assert math.isnan(scores.gross_pitch_error)
    assert scores.voicing_error == 1
    assert scores.voicing_f1 == 0


def test_f0_scores_of_silence_have_no_voicing_f1() -> None:
    assert math.isnan(pitch.f0_scores(np.zeros(3), np.zeros(3)).voicing_f1)


@pytest.mark.slow
def test_harvest_follows_a_pitch_shift() -> None:
    pytest.importorskip("pyworld", reason="needs the extra [f0]")
    contours = [pitch.harvest(voice(pitch=hz), RATE) for hz in (140, 140 * 2 ** (50 / 1200))]
    assert pitch.f0_scores(*contours).rmse_cents == pytest.approx(50, abs=5)


def test_harvest_with_a_scale_finds_what_lies_outside_the_range_of_speech() -> None:
    pytest.importorskip("pyworld", reason="needs the extra [f0]")
    contour = pitch.harvest(voice(pitch=700), RATE, (140, 1000))
    # the range of its vibrato
    assert np.median(contour[contour > 0]) == pytest.approx(700, rel=0.1)


def test_periodicity_of_harmonics_is_one_and_of_noise_low() -> None:
    noise = noisy(np.zeros(RATE, np.float32), 0.1)
    tone = np.sum(
        [np.sin(2 * np.pi * 130 * k * np.arange(RATE) / RATE) / k for k in range(1, 20)], axis=0
    )
    inner = slice(4, -4)  # the outermost frames hold silence
    assert pitch._periodicity(tone)[0][inner].min() > 0.99
    assert pitch._periodicity(noise)[0][inner].mean() < 0.5


def test_periodicity_error_grows_with_noise_and_ignores_level_and_silence() -> None:
    wave = voice()
    errors = [pitch.periodicity_error(wave, noisy(wave, level), RATE) for level in (0, 0.01, 0.1)]
    assert errors[0] == 0
    assert 0 < errors[1] < errors[2] < 1
    assert pitch.periodicity_error(wave, 0.5 * wave, RATE) == pytest.approx(0, abs=1e-6)
    # 40 dB down, in pauses
    hiss = np.where(np.arange(len(wave)) / RATE % 1 > 0.85, noisy(np.zeros_like(wave), 1e-3), 0)
    assert pitch.periodicity_error(wave, wave + hiss, RATE) < errors[1]


def test_periodicity_error_of_silence_is_nan() -> None:
    assert math.isnan(pitch.periodicity_error(np.zeros(RATE), np.zeros(RATE), RATE))
