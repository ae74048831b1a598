"""Pieces of recordings played at another speed."""

from __future__ import annotations

import numpy as np
import pytest

from wavehax.config import FEATURES
from wavehax.data.augment import fill_unvoiced, margin_frames, resample_f0, resample_segment

FEATURES_24K = FEATURES["vocos-24k"]
HOP = FEATURES_24K.hop_length


@pytest.mark.parametrize("speed", [0.7, 0.93, 1.0, 1.31, 1.9])
def test_a_tone_played_at_a_speed_is_the_tone_of_that_frequency(speed: float) -> None:
    frames, margin = 20, margin_frames(FEATURES_24K)
    count = round((frames + 2 * margin) * HOP * speed)
    speed = count / ((frames + 2 * margin) * HOP)
    audio = np.sin(0.3 * np.arange(count))
    wave, _ = resample_segment(audio, frames, FEATURES_24K)
    expected = np.sin(0.3 * speed * np.arange(margin * HOP, (margin + frames) * HOP))
    np.testing.assert_allclose(wave, expected, atol=1e-4)


def test_what_would_alias_is_gone() -> None:
    frames, margin, speed = 20, margin_frames(FEATURES_24K), 1.5
    # 1.2 times the new limit
    audio = np.sin(0.8 * np.pi * np.arange(round((frames + 2 * margin) * HOP * speed)))
    wave, _ = resample_segment(audio, frames, FEATURES_24K)
    assert np.abs(wave).max() < 1e-4


def test_f0_is_interpolated_between_voiced_frames_alone() -> None:
    contour = np.array([0, 100, 200, 0, 300], np.float32)
    at = np.array([0.0, 0.4, 0.6, 1.0, 1.5, 2.4, 2.6, 3.6, 4.0])
    expected = 2.0 * np.array([0, 0, 100, 100, 150, 200, 0, 300, 300])
    np.testing.assert_allclose(resample_f0(contour, at, 2.0), expected, rtol=1e-5)


def test_unvoiced_frames_are_filled_in_equal_steps_of_pitch_and_held_at_the_ends() -> None:
    f0 = np.array([0, 100, 0, 0, 800, 0], np.float32)
    np.testing.assert_allclose(fill_unvoiced(f0), [100, 100, 200, 400, 800, 800], rtol=1e-6)


def test_a_contour_without_a_voiced_frame_stays_unvoiced() -> None:
    np.testing.assert_array_equal(fill_unvoiced(np.zeros(5)), np.zeros(5))
