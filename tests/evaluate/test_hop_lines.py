"""Lines at the multiples of the hop rate: of noise, of clicks, and of tones elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from evaluate_signals import RATE

from wavehax.evaluate.frames import Voicing, voicing
from wavehax.evaluate.hop_lines import HopLines, hop_lines

HOP = 256


def noise(seed: int, seconds: float = 4.0) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def lines_of(wave: np.ndarray, hop: float = HOP) -> HopLines:
    """Those of a sound that is unvoiced throughout; the recording is other noise."""
    everywhere = np.ones(len(wave), bool)
    classes = Voicing(~everywhere, everywhere, ~everywhere)
    return hop_lines(noise(9), wave, RATE, hop, classes)["noise"]


def test_white_noise_has_no_lines() -> None:
    found = lines_of(noise(0))
    for values in (found.output, found.recording):
        assert abs(np.mean(values)) < 0.2
        assert np.max(values) < 4


@pytest.mark.parametrize("hop", [256, 300, 235.2])
def test_clicks_at_the_hop_rate_are_found_at_their_level(hop: float) -> None:
    """A click train of amplitude a has a line of power (a / hop)^2 on either side of 0 Hz. A Hann
    window of 6 hops has a noise bandwidth of a quarter of the hop rate."""
    wave = noise(0)
    wave[np.rint(np.arange(0, len(wave) - 1, hop)).astype(int)] += 0.1
    over_noise = (0.1 / hop) ** 2 / (0.01**2 * 1.5 / (6 * hop))
    found = lines_of(wave, hop)
    assert np.mean(found.output) == pytest.approx(10 * np.log10(1 + over_noise), abs=1)
    assert abs(np.mean(found.recording)) < 0.3


def test_clicks_at_another_rate_are_not_lines_of_the_hop() -> None:
    wave = noise(0)
    wave[::347] += 0.1
    assert abs(np.mean(lines_of(wave).output)) < 1


def test_a_single_line_is_named_by_its_frequency() -> None:
    wave = noise(0)
    wave += 0.01 * np.sin(2 * np.pi * 6 * RATE / HOP * np.arange(len(wave)) / RATE)
    found = lines_of(wave)
    assert found.hz[int(np.argmax(found.output))] == pytest.approx(562.5)
    assert max(found.output) > 15


def test_noise_and_silence_are_judged_apart() -> None:
    """A recording has noise and then silence; the output has clicks in the silence alone."""
    recording = np.concatenate([noise(0), 1e-3 * noise(1)])
    made = np.concatenate([noise(2), 1e-3 * noise(3)])
    made[len(made) // 2 :: HOP] += 1e-4
    f0 = np.zeros(len(recording) // HOP + 1)
    found = hop_lines(recording, made, RATE, HOP, voicing(recording, RATE, f0))
    assert abs(np.mean(found["noise"].output)) < 0.3
    over_noise = (1e-4 / HOP) ** 2 / (1e-5**2 * 1.5 / (6 * HOP))
    assert np.mean(found["silence"].output) == pytest.approx(10 * np.log10(1 + over_noise), abs=0.5)
    assert abs(np.mean(found["silence"].recording)) < 0.3


def test_digital_silence_and_too_little_sound_have_no_figure() -> None:
    recording = np.concatenate([noise(0, 0.15), np.zeros(RATE)])
    f0 = np.zeros(len(recording) // HOP + 1)
    classes = voicing(recording, RATE, f0)
    assert classes.silent.sum() > 0.9 * RATE
    assert hop_lines(recording, recording, RATE, HOP, classes) == {}
