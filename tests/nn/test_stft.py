from __future__ import annotations

import numpy as np
import pytest
import torch

from wavehax.nn.stft import STFT, power

SIZES = [(64, 32), (96, 32), (120, 60), (128, 32), (70, 34)]


def hann(n_fft: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)


@pytest.mark.parametrize(("n_fft", "hop"), SIZES)
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_transform_equals_numpy(n_fft, hop, frames):
    wave = np.random.default_rng(0).standard_normal((2, frames * hop))
    re, im = STFT(n_fft, hop)(torch.tensor(wave, dtype=torch.float32))
    padded = np.pad(wave, ((0, 0), ((n_fft - hop) // 2,) * 2))
    for t in range(frames):
        expected = np.fft.rfft(padded[:, t * hop : t * hop + n_fft] * hann(n_fft))
        np.testing.assert_allclose(re[:, :, t] + 1j * im[:, :, t], expected, atol=1e-5)


@pytest.mark.parametrize(("n_fft", "hop"), SIZES)
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_inverse_equals_numpy_for_any_spectrum(n_fft, hop, frames):
    rng = np.random.default_rng(0)
    re, im = rng.standard_normal((2, 2, n_fft // 2 + 1, frames))
    margin, length = (n_fft - hop) // 2, frames * hop
    total, envelope = np.zeros((2, length + 2 * margin)), np.zeros(length + 2 * margin)
    for t in range(frames):
        spectrum = re[:, :, t] + 1j * im[:, :, t]
        spectrum[:, [0, -1]] = spectrum[:, [0, -1]].real
        total[:, t * hop : t * hop + n_fft] += np.fft.irfft(spectrum) * hann(n_fft)
        envelope[t * hop : t * hop + n_fft] += hann(n_fft) ** 2
    expected = (total / np.maximum(envelope, 1e-30))[:, margin : margin + length]
    wave = STFT(n_fft, hop).inverse(*(torch.tensor(x, dtype=torch.float32) for x in (re, im)))
    np.testing.assert_allclose(wave, expected, atol=1e-6)


@pytest.mark.parametrize(("n_fft", "hop"), SIZES)
def test_inverse_of_the_transform_is_the_wave(n_fft, hop):
    wave = torch.randn(2, 11 * hop, generator=torch.Generator().manual_seed(0))
    stft = STFT(n_fft, hop)
    torch.testing.assert_close(stft.inverse(*stft(wave)), wave, rtol=0, atol=1e-5)


# Window, hop, samples: even and odd windows, hops that do not divide them, samples left over.
@pytest.mark.parametrize(
    ("n_fft", "hop", "samples"), [(16, 4, 50), (15, 4, 40), (16, 5, 37), (8, 8, 30), (6, 2, 6)]
)
def test_power_equals_numpys_and_its_gradient_the_difference_quotient(n_fft, hop, samples):
    wave = np.random.default_rng(0).standard_normal((2, samples))
    window = torch.hann_window(n_fft, dtype=torch.float64)
    x = torch.tensor(wave, requires_grad=True)
    made = power(x, window, hop)
    frames = (samples - n_fft) // hop + 1
    assert made.shape == (2, n_fft // 2 + 1, frames)
    for t in range(frames):
        expected = np.abs(np.fft.rfft(wave[:, t * hop : t * hop + n_fft] * hann(n_fft))) ** 2
        np.testing.assert_allclose(made[:, :, t].detach(), expected, atol=1e-12)
    assert torch.autograd.gradcheck(lambda x: power(x, window, hop), (x,))
