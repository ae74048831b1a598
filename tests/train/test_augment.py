"""Pieces of recordings played at another speed."""

from __future__ import annotations

import numpy as np
import pytest

from wavehax.config import FEATURES
from wavehax.data.augment import margin_frames, resample_f0, resample_segment

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
