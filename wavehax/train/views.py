"""What spectral losses compare: waveforms as mels, or as log magnitudes of single bins."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wavehax.config import FeatureConfig
from wavehax.mel.features import mel_filterbank, mel_frequencies
from wavehax.nn.stft import log_magnitude, power


class View(nn.Module):
    """A map from waveforms [B, N] to values [B, bands, frames], which a loss compares."""

    frequencies: np.ndarray
    """[bands], in Hz."""

    def held(self, marks: Tensor) -> Tensor:
        """The greatest of `marks` [B, N] in each window, [B, 1, frames]."""
        raise NotImplementedError


class LogMel(View):
    """Log-mel-spectrogram: natural log of magnitude, slaney bands up to sample_rate / 2.

    With n_fft 1024, hop 256, 100 bands and floor 1e-5 at 24 kHz it is the mel in the loss of the
    official Wavehax code. Its frames are the paper's: (n_fft - hop_length) / 2 zeros on either side
    of the waveform, and N // hop_length frames.
    """

    window: Tensor
    bank: Tensor

    def __init__(
        self, sample_rate: int, n_fft: int, hop_length: int, n_mels: int, floor: float
    ) -> None:
        super().__init__()
        features = FeatureConfig(
            *("loss", sample_rate, hop_length, n_fft, n_mels, 0.0, sample_rate / 2),
            *("slaney", "slaney", "same", floor),
        )
        self.n_fft, self.hop_length, self.floor = n_fft, hop_length, floor
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        bank = torch.as_tensor(mel_filterbank(features), dtype=torch.float32)
        self.register_buffer("bank", bank, persistent=False)
        self.frequencies = mel_frequencies(features)[1:-1]  # Hz, of the bands' peaks

    def _padded(self, wave: Tensor) -> Tensor:
        margin = (self.n_fft - self.hop_length) // 2
        return functional.pad(wave, (margin, margin))

    def held(self, marks: Tensor) -> Tensor:
        return held_in_windows(self._padded(marks), self.n_fft, self.hop_length)

    def forward(self, wave: Tensor) -> Tensor:
        """Map [B, N], N >= hop_length, to [B, n_mels, N // hop_length]."""
        # 1e-18 keeps the slope of the square root finite at 0. Its root 1e-9 is 80 dB below a floor
        # of 1e-5.
        magnitude = torch.sqrt(power(self._padded(wave), self.window, self.hop_length) + 1e-18)
        return torch.log(torch.clamp(self.bank @ magnitude, min=self.floor))


class LogMagnitude(View):
    """The natural log of the magnitude of single bins, with a hop of a quarter of a window.

    A mel band averages over bins, over more of them the higher it lies. It hardly distinguishes
    noise from a train of clicks. Single bins do, in quiet places as in loud ones.
    """

    window: Tensor

    def __init__(self, sample_rate: int, n_fft: int, from_hz: float = 0.0) -> None:
        """
        Args:
            sample_rate: Hz.
            n_fft: samples of a window.
            from_hz: bins below are left out.
        """
        super().__init__()
        self.n_fft, self.first = n_fft, math.ceil(from_hz * n_fft / sample_rate)
        self.frequencies = np.arange(self.first, n_fft // 2 + 1) * sample_rate / n_fft  # Hz
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def held(self, marks: Tensor) -> Tensor:
        return held_in_windows(marks, self.n_fft, self.n_fft // 4)

    def forward(self, wave: Tensor) -> Tensor:
        """Map [B, N], N >= n_fft, to [B, bins, frames]."""
        return log_magnitude(wave, self.window, self.n_fft // 4)[:, self.first :]


def mel_views(
    sample_rate: int, n_ffts: Sequence[int], n_mels: Sequence[int], floor: float
) -> list[LogMel]:
    """Make a `LogMel` of each resolution, with a hop of a quarter of its window."""
    return [
        LogMel(sample_rate, n_fft, n_fft // 4, bands, floor)
        for n_fft, bands in zip(n_ffts, n_mels, strict=True)
    ]


def held_in_windows(marks: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """The greatest of `marks` [B, N] in each window of `n_fft` samples, [B, 1, frames].

    Windows lie inside the waves, `hop_length` samples apart.
    """
    return functional.max_pool1d(marks[:, None], n_fft, hop_length)
