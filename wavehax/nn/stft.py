"""Short-time Fourier transforms with one frame per hop (docs/design.md#stft).

`power` and `log_magnitude` are for losses and discriminators, whose windows lie inside a waveform.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

MIN_POWER = 1e-8
"""Added to the power of a bin: magnitudes below 1e-4 times that of full-scale noise are silence."""


def log_magnitude(wave: Tensor, window: Tensor, hop_length: int) -> Tensor:
    """The natural log of the magnitude of single bins; for noise of RMS 1 it is about 0.

    Args:
        wave: [B, N], N >= n_fft; windows lie inside, nothing is padded.
        window: a periodic Hann window, [n_fft].
        hop_length: samples from one window to the next.

    Returns:
        [B, n_fft // 2 + 1, frames].
    """
    energy = 3 / 8 * len(window)
    return 0.5 * torch.log(power(wave, window * energy**-0.5, hop_length) + MIN_POWER)


def power(wave: Tensor, window: Tensor, hop_length: int) -> Tensor:
    """The squared magnitude of every bin, not normalised.

    It equals that of torch.stft with center=False. Its backward pass takes the real inverse
    transform of the gradient, which is half the work of the complex one that torch.stft takes, and
    cannot be differentiated again.

    Args:
        wave: [B, N], N >= n_fft; windows lie inside, nothing is padded.
        window: [n_fft].
        hop_length: samples from one window to the next.

    Returns:
        [B, n_fft // 2 + 1, frames], of which the bins lie side by side in memory.
    """
    return _Power.apply(wave, window, hop_length).transpose(1, 2)


class _Power(torch.autograd.Function):
    """`power` as [B, frames, bins]."""

    @staticmethod
    def forward(ctx: Any, wave: Tensor, window: Tensor, hop_length: int) -> Tensor:
        spectrum = torch.fft.rfft(wave.unfold(-1, len(window), hop_length) * window)
        ctx.save_for_backward(spectrum, window)
        ctx.length, ctx.hop_length = wave.shape[-1], hop_length
        return spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        spectrum, window = ctx.saved_tensors
        n_fft, hop_length = len(window), ctx.hop_length
        # With respect to real and imaginary part the gradient is 2 grad times them. The inverse
        # transform counts every bin twice that has a mirror image.
        weighted = torch.empty_like(spectrum)
        torch.mul(spectrum.real, grad, out=weighted.real)
        torch.mul(spectrum.imag, grad, out=weighted.imag)
        weighted[..., 0] *= 2
        if n_fft % 2 == 0:
            weighted[..., -1] *= 2
        frames = torch.fft.irfft(weighted, n_fft, norm="forward").mul_(window)
        hops = -(-n_fft // hop_length)
        total = grad.new_zeros(len(grad), frames.shape[1] + hops - 1, hop_length)
        for i, part in enumerate(frames.split(hop_length, dim=-1)):
            total[:, i : i + frames.shape[1], : part.shape[-1]] += part
        total = total.flatten(1)[:, : ctx.length]
        return functional.pad(total, (0, ctx.length - total.shape[-1])), None, None


class STFT(nn.Module):
    """STFT and its inverse with a periodic Hann window of `n_fft` samples.

    Unlike in `torch.stft`, a signal of T * hop_length samples has T frames, and frame t is centred
    on the middle of hop t.
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

        The windowed frames are overlap-added, and the sum is divided by that of the squared windows
        of the frames that exist.
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
