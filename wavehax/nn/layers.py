"""Layers of the generators (docs/design.md#network).

Hidden activations are [B, F, T, C] (batch, bins, frames, channels) and contiguous. Pointwise layers
are then `nn.Linear`. The [B, C, F, T] view that a depthwise convolution takes is in PyTorch's
channels_last memory format, in which its backward pass is an order of magnitude faster on a CPU.

`@fast.path` names the function that computes the same faster in training (wavehax.nn.fast).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from wavehax.config import NORM_EPSILON, GeneratorConfig
from wavehax.nn import fast
from wavehax.nn.padding import pad_time

INIT_STD = 0.02


class Projection(nn.Conv1d):
    """Convolution over time of [B, C, T] that keeps T (`prior_proj`, `cond_proj`).

    Output t sees inputs t - taps + 1 + lookahead .. t + lookahead with causal padding, and
    t - taps // 2 .. t + taps // 2 with reflection.
    """

    def __init__(self, in_channels: int, out_channels: int, config: GeneratorConfig) -> None:
        taps = config.projection_taps
        super().__init__(in_channels, out_channels, taps)
        self.time_padding = config.time_padding
        self.after = config.lookahead if config.time_padding == "causal" else taps // 2
        self.before = taps - 1 - self.after

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(pad_time(x, self.before, self.after, self.time_padding))


class _Norm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))


class UtteranceNorm(_Norm):
    """Normalises [B, F, T, C] by the mean and biased variance over F, T and C of one utterance."""

    def forward(self, x: Tensor) -> Tensor:
        normalised = functional.layer_norm(x, x.shape[1:], eps=NORM_EPSILON)
        return torch.addcmul(self.bias, normalised, self.weight)


class FrameNorm(_Norm):
    """Normalises [B, F, T, C] by the mean and biased variance over F and C of one frame."""

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=(1, 3), correction=0, keepdim=True)
        normalised = (x - mean) * torch.rsqrt(variance + NORM_EPSILON)
        return torch.addcmul(self.bias, normalised, self.weight)


class BatchNorm(_Norm):
    """Normalises [B, F, T, C] per channel, as nn.BatchNorm2d does.

    In training the mean and variance are those of the batch (of all processes that train together),
    afterwards the running ones. The count of batches, for which a model file has no use, is absent.
    """

    running_mean: Tensor
    running_var: Tensor
    momentum = 0.1  # share of the newest batch in the running statistics

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    @fast.path(fast.batch_norm)
    def forward(self, x: Tensor) -> Tensor:
        statistics = (self.running_mean, self.running_var, self.weight, self.bias)
        x = functional.batch_norm(
            x.permute(0, 3, 1, 2), *statistics, self.training, self.momentum, NORM_EPSILON
        )
        return x.permute(0, 2, 3, 1)


NORM_LAYERS = {"utterance": UtteranceNorm, "frame": FrameNorm, "batch": BatchNorm}


class DepthwiseConv(nn.Conv2d):
    """Depthwise convolution over bins and frames of [B, F, T, C]; bins are padded by reflection."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__(
            config.channels, config.channels, config.kernel_size, groups=config.channels, bias=False
        )
        self.time_padding = config.time_padding
        self.causal = config.time_padding == "causal"
        self.bins, frames = config.kernel_size[0] // 2, config.kernel_size[1] - 1
        self.after = 0 if self.causal else frames // 2
        self.before = frames - self.after

    @fast.path(fast.depthwise)
    def forward(self, x: Tensor) -> Tensor:
        x = pad_time(x.permute(0, 3, 1, 2), self.before, self.after, self.time_padding)
        x = functional.pad(x, (0, 0, self.bins, self.bins), mode="reflect")
        return super().forward(x).permute(0, 2, 3, 1)


class ConvNeXtBlock(nn.Module):
    """x + gamma * pw2(GELU(pw1(norm(dw(x))))) on [B, F, T, C] (docs/design.md#blocks)."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        channels, expanded = config.channels, config.channels * config.mult_channels
        self.dwconv = DepthwiseConv(config)
        self.norm = NORM_LAYERS[config.norm](channels)
        self.pwconv1 = nn.Linear(channels, expanded)
        self.pwconv2 = nn.Linear(expanded, channels)
        self.gamma = nn.Parameter(torch.full((channels,), 1 / config.num_blocks))

    @fast.path(fast.block)
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x))
        y = self.pwconv2(functional.gelu(self.pwconv1(y)))
        return torch.addcmul(x, y, self.gamma)


def init_weights(module: nn.Module) -> None:
    """Give convolutions and linear layers truncated normal weights (std 0.02) and zero biases."""
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
        nn.init.trunc_normal_(module.weight, std=INIT_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
