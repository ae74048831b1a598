"""Short-time Fourier transforms with one frame per hop (docs/design.md#stft).

Beside them the log magnitudes of windows that lie inside a waveform.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

MIN_POWER = 1e-8
"""Added to the power of a bin: magnitudes below 1e-4 of a full-scale noise count as silence."""


def log_magnitude(wave: Tensor, window: Tensor, hop_length: int) -> Tensor:
    """The natural log of the magnitude of single bins, for noise of RMS 1 about 0.

    Args:
        wave: [B, N], N >= n_fft; windows lie inside, nothing is padded.
        window: a periodic Hann window, [n_fft].
        hop_length: samples from one window to the next.

    Returns:
        [B, n_fft // 2 + 1, frames].
    """
    n_fft = len(window)
    spectrum = torch.stft(wave, n_fft, hop_length, window=window, center=False, return_complex=True)
    power = (spectrum.real**2 + spectrum.imag**2) / (3 / 8 * n_fft)  # by the energy of the window
    return 0.5 * torch.log(power + MIN_POWER)


class STFT(nn.Module):
    """STFT and its inverse with a periodic Hann window of `n_fft` samples.

    Unlike `torch.stft` a signal of T * hop_length samples has T frames, frame t centred on the
    middle of hop t.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.margin = (n_fft - hop_length) // 2
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Transform [B, T * hop_length] to real and imaginary parts [B, F, T], not normalised."""
        frames = functional.pad(wave, (self.margin, self.margin)).unfold(
            -1, self.n_fft, self.hop_length
        )
        spectrum = torch.fft.rfft(frames * self.window).transpose(1, 2)
        return spectrum.real, spectrum.imag

    def inverse(self, re: Tensor, im: Tensor) -> Tensor:
        """Transform real and imaginary parts [B, F, T] to [B, T * hop_length].

        The overlap-added windowed frames are divided by the overlap-added squared window of the
        frames that exist.
        """
        frames = torch.fft.irfft(torch.complex(re, im), n=self.n_fft, dim=1) * self.window[:, None]
        envelope = (self.window**2)[None, :, None].expand(1, -1, re.shape[-1])
        return self._overlap_add(frames) / self._overlap_add(envelope)

    def _overlap_add(self, frames: Tensor) -> Tensor:
        """Sum [B, n_fft, T] at hops and drop the margins: [B, T * hop_length]."""
        length = frames.shape[-1] * self.hop_length
        total = functional.fold(
            frames, (1, length + 2 * self.margin), (1, self.n_fft), stride=(1, self.hop_length)
        )
        return total[:, 0, 0, self.margin : self.margin + length]
