"""Energy off the series of a moving F0: of signals whose noise is known."""

from __future__ import annotations

import numpy as np
import pytest
from evaluate_signals import RATE

from wavehax.evaluate.pitch import FRAMES
from wavehax.evaluate.series import off_series, steady_frames

SECONDS = 1.0


def sung(f0: float, rate: int = RATE, vibrato: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A voice [N] whose harmonics up to 11 kHz fall as 1 / k, of power 1, and its F0 [T]."""

    def hz(time: np.ndarray) -> np.ndarray:
        return f0 * 2 ** (vibrato / 1200 * np.sin(2 * np.pi * 5.5 * time))

    time = np.arange(round(SECONDS * rate)) / rate
    phase = 2 * np.pi * np.cumsum(hz(time)) / rate
    wave = sum(np.sin(k * phase + k**2) / k for k in range(1, int(11000 / f0)))
    frames = np.arange(round(SECONDS * FRAMES.sample_rate / FRAMES.hop_length) + 1)
    return wave / np.sqrt(np.mean(wave**2)), hz(frames * FRAMES.hop_length / FRAMES.sample_rate)


def level(wave: np.ndarray, f0: np.ndarray, rate: int = RATE) -> float:
    """The mean level of every eighth frame."""
    frames = steady_frames(f0) & (np.arange(len(f0)) % 8 == 0)
    return float(np.nanmean(off_series(wave, rate, f0, frames)))


def off(noise: float, f0: float, rate: int) -> float:
    """The level expected of white noise in the band, which is on the series 25 Hz around it."""
    part = 11440 / (rate / 2)
    return 10 * np.log10(noise**2 * part * (1 - 50 / f0) / (1 + noise**2 * part * 50 / f0))


@pytest.mark.parametrize("rate", [24000, 44100])
@pytest.mark.parametrize("f0", [80.0, 220.0, 700.0, 1200.0])
@pytest.mark.parametrize("noise", [0.3, 0.03])
def test_noise_of_a_known_level_is_measured(f0: float, noise: float, rate: int) -> None:
    wave, contour = sung(f0, rate)
    wave = wave + noise * np.random.default_rng(0).standard_normal(len(wave))
    assert level(wave, contour, rate) == pytest.approx(off(noise, f0, rate), abs=0.8)


@pytest.mark.parametrize("f0", [150.0, 440.0, 1000.0])
def test_vibrato_of_half_a_semitone_counts_as_on_the_series(f0: float) -> None:
    wave, contour = sung(f0, vibrato=50)
    assert level(wave, contour) < -30


@pytest.mark.parametrize("f0", [220.0, 1000.0])
def test_a_pitch_wrong_by_one_percent_is_forgiven_and_by_a_fifth_is_not(f0: float) -> None:
    wave, contour = sung(f0)
    assert level(wave, 1.01 * contour) < -30
    assert level(wave, 1.2 * contour) > 0


def test_sidebands_at_the_hop_rate_are_off_the_series() -> None:
    """The hop rate is 93.75 Hz; a gain that follows the hops makes a sideband on either side."""
    wave, contour = sung(1000)
    depth = 0.1
    gain = 1 + depth * np.cos(2 * np.pi * RATE / 256 * np.arange(len(wave)) / RATE)
    assert level(gain * wave, contour) == pytest.approx(10 * np.log10(depth**2 / 2), abs=0.3)


def test_frames_are_steady_where_the_whole_window_has_nearly_one_f0() -> None:
    f0 = np.full(60, 200.0)
    f0[:20] = 0
    f0[40:] = 260
    steady = np.flatnonzero(steady_frames(f0))
    np.testing.assert_array_equal(steady, [*range(25, 35), *range(45, 55)])


def test_frames_that_are_not_asked_for_or_cut_off_have_no_level() -> None:
    wave, contour = sung(300)
    asked = np.zeros(len(contour), bool)
    asked[[2, 50, len(contour) - 1]] = True
    found = off_series(wave, RATE, contour, asked)
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(found)), [50])
