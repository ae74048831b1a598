"""Spectral losses on waveforms."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from wavehax.config import FeatureConfig
from wavehax.features import mel_filterbank


class MelLoss(nn.Module):
    """Mean absolute difference of log-mel-spectrograms: natural log of magnitude, slaney bands up to sample_rate / 2.

    With n_fft 1024, hop 256, 100 bands and floor 1e-5 at 24 kHz it is the mel loss of the official Wavehax code. Its
    frames are the paper's: zeros, (n_fft - hop_length) / 2 on both sides, N // hop_length frames.
    """

    window: Tensor
    bank: Tensor

    def __init__(self, sample_rate: int, n_fft: int, hop_length: int, n_mels: int, floor: float) -> None:
        super().__init__()
        features = FeatureConfig(
            "loss", sample_rate, hop_length, n_fft, n_mels, 0.0, sample_rate / 2, "slaney", "slaney", "same", floor
        )
        self.n_fft, self.hop_length, self.floor = n_fft, hop_length, floor
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.register_buffer("bank", torch.as_tensor(mel_filterbank(features), dtype=torch.float32), persistent=False)

    def forward(self, wave: Tensor, target: Tensor) -> Tensor:
        """The loss between two batches of waveforms [B, N]; N >= hop_length."""
        return functional.l1_loss(self.log_mel(wave), self.log_mel(target))

    def log_mel(self, wave: Tensor) -> Tensor:
        """[B, n_mels, N // hop_length] of [B, N]."""
        margin = (self.n_fft - self.hop_length) // 2
        padded = functional.pad(wave, (margin, margin))
        spectrum = torch.stft(
            padded, self.n_fft, self.hop_length, window=self.window, center=False, return_complex=True
        )
        # The square root's slope is infinite at 0; 1e-9 is 80 dB below the floor after the filters.
        magnitude = torch.sqrt(spectrum.real**2 + spectrum.imag**2 + 1e-18)
        return torch.log(torch.clamp(self.bank @ magnitude, min=self.floor))


class MultiMelLoss(nn.Module):
    """The mean of `MelLoss` over several resolutions, each with a hop of a quarter of its window."""

    def __init__(self, sample_rate: int, n_ffts: tuple[int, ...], n_mels: tuple[int, ...], floor: float) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            MelLoss(sample_rate, n_fft, n_fft // 4, bands, floor) for n_fft, bands in zip(n_ffts, n_mels, strict=True)
        )

    def forward(self, wave: Tensor, target: Tensor) -> Tensor:
        """The loss between two batches of waveforms [B, N]; N >= max(n_ffts) / 4."""
        return torch.stack([scale(wave, target) for scale in self.scales]).mean()
