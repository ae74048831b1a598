"""Other vocoders' shapes, to compare with: HiFi-GAN, in the time domain, and Vocos, in the
frequency domain.

They hear of F0 through the mel alone. Structure and sizes are those of the papers; weights are this
project's to train.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from wavehax.config import GeneratorConfig
from wavehax.nn.generator import MAX_MAGNITUDE, WaveGenerator
from wavehax.nn.layers import init_weights
from wavehax.nn.stft import STFT


class VocosBackbone(nn.Module):
    """Vocos (Siuzdak, arXiv 2306.00814, section 4) without its inverse STFT: 8 ConvNeXt blocks over
    frames.

    Mel [B, n_mels, T] to log-magnitudes and phases [B, 2F, T], F = n_fft / 2 + 1.
    """

    def __init__(
        self, n_mels: int, width: int, expanded: int, n_fft: int, num_blocks: int = 8
    ) -> None:
        super().__init__()
        self.embed = nn.Conv1d(n_mels, width, 7, padding=3)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.blocks = nn.Sequential(
            *(_VocosBlock(width, expanded, 1 / num_blocks) for _ in range(num_blocks))
        )
        self.head = nn.Sequential(nn.LayerNorm(width, eps=1e-6), nn.Linear(width, n_fft + 2))
        self.apply(init_weights)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.norm(self.embed(mel).transpose(1, 2)).transpose(1, 2)
        return self.head(self.blocks(x).transpose(1, 2)).transpose(1, 2)


class _VocosBlock(nn.Module):
    def __init__(self, width: int, expanded: int, gamma: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width, eps=1e-6),
            nn.Linear(width, expanded),
            nn.GELU(),
            nn.Linear(expanded, width),
        )
        self.gamma = nn.Parameter(torch.full((width,), gamma))

    def forward(self, x: Tensor) -> Tensor:
        y = self.gamma * self.mlp(self.depthwise(x).transpose(1, 2))
        return x + y.transpose(1, 2)


class Vocos(nn.Module):
    """Mel [B, n_mels, T] to waveform [B, 1, T * hop_length]."""

    def __init__(self, n_mels: int, width: int, expanded: int, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.backbone = VocosBackbone(n_mels, width, expanded, n_fft)
        self.stft = STFT(n_fft, hop_length)

    def forward(self, mel: Tensor) -> Tensor:
        log_magnitude, phase = self.backbone(mel).float().chunk(2, dim=1)
        magnitude = torch.exp(log_magnitude.clamp(max=math.log(MAX_MAGNITUDE)))
        return self.stft.inverse(
            magnitude * torch.cos(phase), magnitude * torch.sin(phase)
        ).unsqueeze(1)


class HifiGan(nn.Module):
    """HiFi-GAN (Kong et al., arXiv 2010.05646, appendix A.1): V1 with `channels` 512, V2 with 128.

    Mel [B, n_mels, T] to waveform [B, 1, T * product of rates]. Every upsampling by a rate halves
    the channels.
    """

    def __init__(self, n_mels: int, channels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.Conv1d(n_mels, channels, 7, padding=3)
        self.upsample, self.residual = nn.ModuleList(), nn.ModuleList()
        for rate in rates:
            channels //= 2
            padding = {"padding": (rate + 1) // 2, "output_padding": rate % 2}
            self.upsample.append(
                nn.ConvTranspose1d(2 * channels, channels, 2 * rate, rate, **padding)
            )
            self.residual.append(nn.ModuleList(_branch(channels, kernel) for kernel in (3, 7, 11)))
        self.last = nn.Conv1d(channels, 1, 7, padding=3)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.first(mel)
        for upsample, branches in zip(self.upsample, self.residual, strict=True):
            x = upsample(functional.leaky_relu(x, 0.1))
            total = torch.zeros_like(x)
            for branch in branches:
                y = x
                for step in branch:
                    y = y + step(y)
                total = total + y
            x = total / len(branches)
        return torch.tanh(self.last(functional.leaky_relu(x)))


def _branch(channels: int, kernel: int) -> nn.ModuleList:
    def conv(dilation: int) -> nn.Conv1d:
        return nn.Conv1d(
            channels, channels, kernel, dilation=dilation, padding=dilation * (kernel // 2)
        )

    activation = nn.LeakyReLU(0.1)
    return nn.ModuleList(nn.Sequential(activation, conv(d), activation, conv(1)) for d in (1, 3, 5))


def _hifigan(config: GeneratorConfig) -> nn.Module:
    """V2's size; weights start and are normalised as in the paper's code."""
    if config.hop_length not in _RATES:
        hops = " and ".join(map(str, _RATES))
        raise ValueError(f"hop_length={config.hop_length}: HiFi-GAN is there for {hops}")
    network = HifiGan(config.n_mels, 128, _RATES[config.hop_length])
    for module in network.modules():
        if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
            if module not in (network.first, network.last):
                nn.init.normal_(module.weight, std=0.01)
            weight_norm(module)
    return network


def _vocos(config: GeneratorConfig) -> nn.Module:
    """Half the paper's width."""
    return Vocos(config.n_mels, 256, 768, 1024, config.hop_length)


_RATES = {256: (8, 8, 2, 2), 240: (5, 4, 4, 3)}  # by hop
BASELINES = {"hifigan": _hifigan, "vocos": _vocos}


class Baseline(WaveGenerator):
    """One of `BASELINES`, trained as a generator is; F0 and prior are taken and ignored."""

    def __init__(self, name: str, config: GeneratorConfig, log_floor: float = 0.0) -> None:
        """
        Args:
            name: a key of `BASELINES`; the names of the weights begin with it.
            config: its bands, sample rate, hop and alignment of frames are used.
            log_floor: as of every generator.

        Raises:
            ValueError: no such baseline, or it is not made for this hop.
        """
        super().__init__(config, log_floor)
        if name not in BASELINES:
            raise ValueError(f"name={name!r}: expected one of {', '.join(BASELINES)}")
        self.name = name
        self.add_module(name, BASELINES[name](config))

    def synthesise(self, mel: Tensor, prior: Tensor) -> Tensor:
        return self.get_submodule(self.name)(mel).float()
