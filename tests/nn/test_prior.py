from __future__ import annotations

import numpy as np
import pytest
import torch

from wavehax.config import NOISE_STD, PRIOR_RMS
from wavehax.nn.prior import make_prior, sine_sum, weighted_sine_sum

RATE, HOP = 24000, 60
F0 = np.array(
    [0.0, 100.0, 123.4, 57.1, 0.0, 0.0, 800.0, 4000.0, 11999.0, 12000.0, 220.5, 0.0, 71.3]
)


def deterministic(kind: str, f0: np.ndarray, rate: int = RATE, hop: int = HOP) -> np.ndarray:
    f0 = torch.tensor(f0, dtype=torch.float32)[None, None]
    return make_prior(kind, f0, hop, rate, noise=False, phase=False)[0, 0].double().numpy()


def held(f0: np.ndarray, rate: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """F0 [N] of every sample, as float32 rounds it, and the phase [N] in radians: a running sum."""
    samples = np.repeat(f0.astype(np.float32).astype(np.float64), hop)
    return samples, 2 * np.pi * np.cumsum(samples / rate)


def harmonic_sum(f0: np.ndarray, rate: int, hop: int, amplitudes) -> np.ndarray:
    """Direct sum of harmonics: amplitudes(f0, k [K]) are those of one sample."""
    wave = []
    for frequency, phase in np.transpose(held(f0, rate, hop)):
        k = np.arange(1, int(rate / 2 // frequency) + 1) if frequency > 0 else np.zeros(0)
        wave.append(np.sum(amplitudes(frequency, k) * np.sin(k * phase)) if len(k) else 0.0)
    return np.array(wave)


@pytest.mark.parametrize("rate", [24000, 48000])
def test_pcph_equals_the_direct_sum(rate):
    expected = harmonic_sum(F0, rate, HOP, lambda f0, k: 0.1 * np.sqrt(2 * f0 / (rate / 2)))
    np.testing.assert_allclose(
        deterministic("pcph", F0, rate), expected, atol=1.2e-7 * np.abs(expected).max(), rtol=0
    )


@pytest.mark.parametrize("rate", [24000, 48000])
def test_pcph_linear_decay_equals_the_direct_sum(rate):
    def amplitudes(f0, k):
        s = f0 / (rate / 2)
        power = s**2 * np.sum(k**2) - 2 * s * np.sum(k) + 1 / s
        return 0.1 * np.sqrt(2 / power) * (1 - k * s) if power > 0 else 0 * k

    expected = harmonic_sum(F0, rate, HOP, amplitudes)
    wave = deterministic("pcph_linear_decay", F0, rate)
    np.testing.assert_allclose(wave, expected, atol=1.2e-7 * np.abs(expected).max(), rtol=0)


def test_sine_is_the_sine_of_the_phase_where_voiced():
    samples, phase = held(F0, RATE, HOP)
    np.testing.assert_allclose(deterministic("sine", F0), np.sin(phase) * (samples > 0), atol=1e-6)


def test_sawtooth_equals_a_direct_filtering_of_the_oversampled_one():
    f0 = np.array([0.0, 101.7, 123.4, 57.1, 0.0, 871.3])
    samples, phase = held(f0, RATE * 8, HOP * 8)
    oversampled = (2 * (phase / (2 * np.pi) % 1) - 1) * (samples > 0)
    i = np.arange(-121, 122)
    t = i / 8 * 0.99
    kernel = np.sinc(t) * np.cos(np.pi * t / 30) ** 2 * 0.99 / 8
    expected = np.convolve(oversampled, kernel[::-1], mode="same")[::8]
    np.testing.assert_allclose(deterministic("sawtooth", f0), expected, atol=1e-5)


def test_sawtooth_of_whole_periods_repeats_itself():
    period = deterministic("sawtooth", np.full(100, 100.0))[960:-960].reshape(-1, 240)
    np.testing.assert_allclose(period, np.broadcast_to(period[0], period.shape), atol=1e-5)


@pytest.mark.parametrize("kind", ["pcph", "pcph_linear_decay", "sine", "sawtooth", "noise"])
def test_rms_where_voiced_is_the_stated_one(kind):
    torch.manual_seed(0)
    f0 = torch.full((4, 1, 500), 97.0)
    wave = make_prior(kind, f0, HOP, RATE, noise=kind == "noise")
    assert float(wave.square().mean().sqrt()) == pytest.approx(PRIOR_RMS[kind], rel=0.02)


@pytest.mark.parametrize("f0", [60.0, 100.0, 437.0, 3000.0])
def test_harmonics_stay_below_half_the_sample_rate(f0):
    """No alias: with one analysis window of many periods, all energy is within its main lobe of the
    harmonics."""
    wave = deterministic("pcph", np.full(400, f0))
    spectrum = np.abs(np.fft.rfft(wave * np.blackman(len(wave)))) ** 2
    harmonics = np.arange(1, int(RATE / 2 // f0) + 1) * f0
    frequency = np.arange(len(spectrum)) * RATE / len(wave)
    distance = np.abs(frequency[:, None] - harmonics).min(axis=1)
    assert spectrum[distance > 6 * RATE / len(wave)].sum() < 1e-6 * spectrum.sum()


@pytest.mark.parametrize("kind", ["pcph", "sine", "noise"])
def test_noise_has_the_stated_level_and_unvoiced_noise_can_be_raised(kind):
    torch.manual_seed(0)
    f0 = torch.tensor([200.0, 0.0]).repeat(500)[None, None]
    harmonic = deterministic(kind, f0[0, 0].numpy())
    for unvoiced in (None, 0.5):
        torch.manual_seed(1)
        noise = (
            make_prior(kind, f0, HOP, RATE, phase=False, unvoiced_std=unvoiced)[0, 0].numpy()
            - harmonic
        )
        voiced, silent = noise.reshape(-1, 2, HOP).std(axis=(0, 2))
        assert voiced == pytest.approx(NOISE_STD[kind], rel=0.02)
        assert silent == pytest.approx(unvoiced or NOISE_STD[kind], rel=0.02)


def test_initial_phase_differs_between_the_items_of_a_batch():
    torch.manual_seed(0)
    waves = make_prior("sine", torch.full((8, 1, 4), 300.0), HOP, RATE, noise=False)[:, 0]
    assert torch.pdist(waves).min() > 0.1


@pytest.mark.slow
def test_phase_of_a_long_utterance_keeps_its_pitch():
    """A quarter of an hour at a frequency whose period is not a whole number of samples."""
    f0 = np.full(1500, 440.1)
    wave = deterministic("sine", f0, RATE, 14400)[-1000:]
    n = np.arange(1500 * 14400 - 999, 1500 * 14400 + 1, dtype=object)
    cycles = np.array(
        [float((int(np.float32(440.1) * 2**30) * k % (RATE * 2**30)) / (RATE * 2**30)) for k in n]
    )
    np.testing.assert_allclose(wave, np.sin(2 * np.pi * cycles), atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2, 50, 1000])
def test_closed_sums_equal_direct_sums_towards_phase_zero(count):
    cycles = np.concatenate([[0.0], 10.0 ** np.arange(-17, 0, 0.25), [0.5]])
    cycles = np.concatenate([-cycles, cycles])
    k = np.arange(1, count + 1)[:, None]
    sines = np.sin(2 * np.pi * k * cycles)
    c, n = torch.tensor(cycles), torch.tensor(float(count), dtype=torch.float64)
    np.testing.assert_allclose(sine_sum(c, n), sines.sum(0), atol=1e-9 * max(count, 1))
    np.testing.assert_allclose(
        weighted_sine_sum(c, n), (k * sines).sum(0), atol=1e-9 * max(count, 1) ** 2
    )
