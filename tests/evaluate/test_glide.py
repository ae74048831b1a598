"""Energy off the harmonics in the prior of a glide (docs/design.md#prior).

There is no aliasing, but there are the steps of its definition.
"""

from __future__ import annotations

import numpy as np
import pytest
from evaluate_signals import RATE

import wavehax
from wavehax.evaluate.aliasing import measure
from wavehax.evaluate.aliasing.subjects import in_step

pytest.importorskip("scipy", reason="needs the extra [eval]")

HOP = 256
OCTAVES_PER_SECOND = 0.5  # of `wavehax evaluate aliasing`
WINDOW = 0.4  # seconds


def off_the_harmonics(wave: np.ndarray, f0: np.ndarray) -> tuple[float, float]:
    """Energy off the harmonics over energy on them in dB, from 100 Hz to 1 kHz, and how much of it
    lies above 8 kHz."""
    phase = np.cumsum(f0) / RATE
    off, high = [], []
    for middle in np.arange(1.5, 7.8, 2 * WINDOW):
        span = slice(*(round((middle + side * WINDOW / 2) * RATE) for side in (-1, 1)))
        warped, cycles = measure._warped(wave, phase, span), phase[span.stop] - phase[span.start]
        energy, on = measure._energy(warped, 1.0, len(warped) / cycles)
        hz = np.arange(len(energy)) * np.mean(f0[span]) / cycles
        off.append(energy[~on].sum() / energy[on].sum())
        high.append(energy[~on & (hz > 8000)].sum() / energy[~on].sum())
    return 10 * np.log10(np.mean(off)), float(np.mean(high))


def harmonics(f0: np.ndarray, fade: float) -> np.ndarray:
    """The prior by its direct sum; over the last `fade` Hz below half the sample rate harmonics
    fade away."""
    phase, wave = np.cumsum(f0) / RATE, np.zeros(len(f0))
    for k in range(1, int(RATE / 2 / f0.min()) + 1):
        below = RATE / 2 - k * f0
        level = np.clip(below / fade, 0, 1) if fade else below >= 0
        wave += level * np.sin(2 * np.pi * (k * phase % 1))
    return 0.1 * np.sqrt(2 * f0 / (RATE / 2)) * wave


def contour(held: bool) -> np.ndarray:
    """F0 at every sample of the glide, held over the frames or moving on."""
    sample = np.arange(8 * RATE)
    return measure.LOWEST * 2 ** (
        OCTAVES_PER_SECOND * (sample // HOP * HOP if held else sample) / RATE
    )


@pytest.mark.slow
def test_the_prior_of_a_glide_has_what_its_definition_has() -> None:
    voc, f0 = wavehax.load(), contour(held=True)
    # a frame is held to half a hop on either side
    centred = np.append(f0[HOP // 2 :], np.full(HOP // 2, f0[-1]))
    wave = in_step(voc.prior(f0[::HOP].astype(np.float32)), voc, len(f0) // HOP)
    by_definition = off_the_harmonics(harmonics(f0, fade=0), f0)[0]
    assert off_the_harmonics(wave, centred)[0] == pytest.approx(by_definition, abs=1)


@pytest.mark.slow
def test_half_is_the_top_harmonic_that_goes_at_once_and_half_the_steps_of_f0() -> None:
    as_defined, high = off_the_harmonics(harmonics(contour(held=True), fade=0), contour(held=True))
    faded, _ = off_the_harmonics(harmonics(contour(held=True), fade=600), contour(held=True))
    moving, _ = off_the_harmonics(harmonics(contour(held=False), fade=0), contour(held=False))
    neither, _ = off_the_harmonics(harmonics(contour(held=False), fade=600), contour(held=False))
    assert (as_defined, faded, moving) == pytest.approx((-43.6, -46.7, -44.8), abs=1.5)
    assert neither < -58
    assert high > 0.85
