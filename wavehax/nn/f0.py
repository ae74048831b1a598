"""F0 from a log-mel-spectrogram, for callers without another (docs/design.md#f0-from-the-mel).

Dilated convolutions over the frames up to the present one give a distribution over pitch bins and a
logit of voicing. F0 is the mean of the bins around the likeliest one, as in CREPE (Kim et al.,
ICASSP 2018). No frame ahead is needed: the mel's window reaches beyond the sample at which F0 is
wanted.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from wavehax.config import F0_PEAK_BINS, F0Config


class F0Predictor(nn.Module):
    """Log-mel to F0, frame by frame as they come."""

    mel_mean: Tensor
    mel_scale: Tensor

    def __init__(self, config: F0Config, n_mels: int) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mel_mean", torch.zeros(n_mels))
        self.register_buffer("mel_scale", torch.ones(n_mels))
        self.input_proj = CausalConv(n_mels, config.channels, config.kernel_size, 1)
        self.blocks = nn.ModuleList(
            CausalConv(config.channels, config.channels, config.kernel_size, 2**i)
            for i in range(config.num_blocks)
        )
        self.output_proj = nn.Conv1d(config.channels, config.num_bins + 1, 1)

    def forward(self, mel: Tensor) -> Tensor:
        """Logits [B, num_bins + 1, T] of a mel [B, n_mels, T], not normalised; the last one is that
        of being voiced."""
        x = (mel - self.mel_mean[:, None]) / self.mel_scale[:, None]
        x = functional.gelu(self.input_proj(x))
        for block in self.blocks:
            x = x + functional.gelu(block(x))
        return self.output_proj(x)

    def decode(self, logits: Tensor) -> Tensor:
        """F0 [B, 1, T] in Hz, 0 where unvoiced, of the logits that `forward` gives."""
        pitch = logits[:, :-1]
        bins = torch.arange(pitch.shape[1], dtype=pitch.dtype, device=pitch.device)[None, :, None]
        peak = pitch.argmax(dim=1, keepdim=True)
        weight = torch.softmax(
            pitch.masked_fill((bins - peak).abs() > F0_PEAK_BINS, -torch.inf), dim=1
        )
        position = (weight * bins).sum(dim=1, keepdim=True)
        f0 = self.config.f0_min * torch.exp2(position * (self.config.bin_cents / 1200))
        return torch.where(logits[:, -1:] > 0, f0, 0.0)


class CausalConv(nn.Conv1d):
    """Conv1d of [B, C, T] that sees the present frame and those before it; zeros before the
    first."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, dilation: int) -> None:
        super().__init__(inputs, outputs, kernel_size, dilation=dilation)
        self.before = (kernel_size - 1) * dilation

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(functional.pad(x, (self.before, 0)))
