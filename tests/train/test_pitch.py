"""Mels of voices at a pitch that they did not have."""

from __future__ import annotations

import numpy as np
import pytest

from wavehax.config import FEATURES
from wavehax.data.shifted import FACTOR_MAX, FACTOR_MIN, random_factor, shifted_mel
from wavehax.mel.features import log_mel

pytest.importorskip("pyworld")
FEATURES_24K = FEATURES["vocos-24k"]
RATE, HOP = FEATURES_24K.sample_rate, FEATURES_24K.hop_length


def vowel(pitch: float, seconds: float = 1.0) -> np.ndarray:
    """Harmonics up to 11 kHz under one formant, float32."""
    time = np.arange(round(seconds * RATE)) / RATE
    count = int(11000 / pitch)
    return sum(
        np.sin(2 * np.pi * k * pitch * time + k * k)
        * 0.2
        * np.sqrt(pitch / 100)
        / (1 + ((k * pitch - 1500) / 800) ** 2)
        for k in range(1, count)
    ).astype(np.float32)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.5, 2.0])
def test_a_shifted_mel_shows_the_harmonics_of_the_new_pitch_under_the_old_envelope(
    factor: float,
) -> None:
    wave = vowel(150.0)
    f0 = np.full(len(wave) // HOP, 150.0, np.float32)
    mel = shifted_mel(wave, f0, factor, FEATURES_24K)[:, 20:-20].mean(axis=1)
    same, other = (
        log_mel(vowel(150.0 * k), FEATURES_24K)[:, 20:-20].mean(axis=1)
        for k in (factor, factor * 1.26)
    )
    assert mel.shape == (100,)
    assert np.abs(mel - same)[:50].mean() < 0.4 < np.abs(mel - other)[:50].mean()


def test_factors_keep_the_voice_within_reach() -> None:
    rng = np.random.default_rng(0)
    for median in (70.0, 200.0, 600.0):
        f0 = np.array([0, median, median, median], np.float32)
        factors = np.array([random_factor(f0, rng) for _ in range(300)])
        assert factors.min() >= FACTOR_MIN and factors.max() <= FACTOR_MAX
        assert (median * factors).min() >= 59.9 and (median * factors).max() <= 900.1
        assert np.ptp(np.log(factors)) > 0.3


def test_what_is_unvoiced_is_not_shifted() -> None:
    assert random_factor(np.zeros(9, np.float32), np.random.default_rng(0)) == 1.0
