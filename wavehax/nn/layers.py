"""Layers of the generators (docs/design.md#network).

Hidden activations are [B, F, T, C], contiguous: pointwise layers are then `nn.Linear`, and the [B,
C, F, T] view that a depthwise convolution takes is in PyTorch's channels_last memory format, in
which its backward pass is an order of magnitude faster on a CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from wavehax.config import NORM_EPSILON, PROJECTION_TAPS, GeneratorConfig
from wavehax.nn import cpu

INIT_STD = 0.02


def reflect_index(
    length: int, before: int, after: int, device: torch.device | None = None
) -> Tensor:
    """Indices that pad `length` samples by reflection, bouncing between the ends however long the
    padding is.

    The same as numpy.pad(mode="reflect"); a single sample is repeated.
    """
    period = max(2 * (length - 1), 1)
    index = torch.arange(-before, length + after, device=device).remainder(period)
    return torch.minimum(index, period - index) if length > 1 else torch.zeros_like(index)


def pad_time(x: Tensor, before: int, after: int, mode: str) -> Tensor:
    """Pad the last dimension of [B, C, T] or [B, C, F, T]: zeros with mode "causal", bouncing with
    "reflect"."""
    if mode == "causal":
        return functional.pad(x, (before, after))
    if max(before, after) >= x.shape[-1]:
        return x.index_select(-1, reflect_index(x.shape[-1], before, after, x.device))
    padding = (before, after) if x.ndim == 3 else (before, after, 0, 0)
    return functional.pad(x, padding, mode="reflect")


class Projection(nn.Conv1d):
    """Convolution over time of [B, C, T] that keeps T (`prior_proj`, `cond_proj`).

    Output t sees inputs t-6+lookahead .. t+lookahead with causal padding, t-3 .. t+3 with
    reflection.
    """

    def __init__(self, in_channels: int, out_channels: int, config: GeneratorConfig) -> None:
        super().__init__(in_channels, out_channels, PROJECTION_TAPS)
        self.time_padding = config.time_padding
        self.after = config.lookahead if config.time_padding == "causal" else PROJECTION_TAPS // 2
        self.before = PROJECTION_TAPS - 1 - self.after

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(pad_time(x, self.before, self.after, self.time_padding))


class _Norm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))


class UtteranceNorm(_Norm):
    """Normalise [B, F, T, C] by the mean and biased variance over F, T and C of one utterance."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(
            self.bias, functional.layer_norm(x, x.shape[1:], eps=NORM_EPSILON), self.weight
        )


class FrameNorm(_Norm):
    """Normalise [B, F, T, C] by the mean and biased variance over F and C of one frame."""

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=(1, 3), correction=0, keepdim=True)
        return torch.addcmul(
            self.bias, (x - mean) * torch.rsqrt(variance + NORM_EPSILON), self.weight
        )


class BatchNorm(_Norm):
    """Normalise [B, F, T, C] per channel: by the batch's statistics in training, by the running
    ones afterwards.

    nn.BatchNorm2d without its count of batches, which a model file has no use for. Where several
    processes train together the batch is that of all of them (nn.SyncBatchNorm does so on GPUs
    alone).
    """

    running_mean: Tensor
    running_var: Tensor
    momentum = 0.1

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and _trains_with_others():
            x = x.float()
            variance, mean = torch.var_mean(x, dim=(0, 1, 2), correction=0)
            scale, shift = self.affine(mean, variance, count=x[..., 0].numel())
            return torch.addcmul(shift, x, scale)
        statistics = (self.running_mean, self.running_var, self.weight, self.bias)
        x = functional.batch_norm(
            x.permute(0, 3, 1, 2), *statistics, self.training, self.momentum, NORM_EPSILON
        )
        return x.permute(0, 2, 3, 1)

    def affine(self, mean: Tensor, variance: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """In training: scale and shift [C] that normalise the batch, of `count` values a channel
        with these moments.

        The variance is the biased one. With several processes the moments are of this one, and all
        have as many values.
        """
        if _trains_with_others():
            processes = distributed.get_world_size()
            joint = _SumOverProcesses.apply(mean) / processes
            variance = _SumOverProcesses.apply(variance + (mean - joint).square()) / processes
            mean, count = joint, processes * count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        scale = self.weight * torch.rsqrt(variance + NORM_EPSILON)
        return scale, self.bias - mean * scale


def _trains_with_others() -> bool:
    return distributed.is_initialized() and distributed.get_world_size() > 1


class _SumOverProcesses(torch.autograd.Function):
    """Sum a tensor over all processes, and in the backward pass its gradient: each of them
    contributed to every sum."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


NORM_LAYERS = {"utterance": UtteranceNorm, "frame": FrameNorm, "batch": BatchNorm}


class DepthwiseConv(nn.Conv2d):
    """Depthwise convolution over bins and frames of [B, F, T, C]; bins are always padded by
    reflection."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__(
            config.channels, config.channels, config.kernel_size, groups=config.channels, bias=False
        )
        self.time_padding = config.time_padding
        self.bins, frames = config.kernel_size[0] // 2, config.kernel_size[1] - 1
        self.after = 0 if config.time_padding == "causal" else frames // 2
        self.before = frames - self.after

    def forward(self, x: Tensor) -> Tensor:
        if (cuda := cpu.cuda_module()) and cuda.usable(x, self.weight):
            return cuda.depthwise(self._padded(x), self.weight)
        x = pad_time(x.permute(0, 3, 1, 2), self.before, self.after, self.time_padding)
        x = functional.pad(x, (0, 0, self.bins, self.bins), mode="reflect")
        return super().forward(x).permute(0, 2, 3, 1)

    def _padded(self, x: Tensor) -> Tensor:
        """[B, F, T, C] padded as it is, channels staying together."""
        x = torch.cat(
            [x[:, 1 : self.bins + 1].flip(1), x, x[:, -self.bins - 1 : -1].flip(1)], dim=1
        )
        if self.time_padding == "causal":
            return functional.pad(x, (0, 0, self.before, self.after))
        index = reflect_index(x.shape[2], self.before, self.after, x.device)
        return x.index_select(2, index)

    def with_moments(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The same by `wavehax.nn.cpu.depthwise`, with the output's moments, and x for the
        residual."""
        return cpu.depthwise(x, self.weight, self.before, self.time_padding == "causal")


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

    def forward(self, x: Tensor) -> Tensor:
        if self.training and cpu.usable(x, self.gamma):
            return self._forward_with_kernels(x)
        y = self.norm(self.dwconv(x))
        y = self.pwconv2(functional.gelu(self.pwconv1(y)))
        return torch.addcmul(x, y, self.gamma)

    def _forward_with_kernels(self, x: Tensor) -> Tensor:
        """The same. Whatever is affine and small goes into the weights: gamma, and the batch's
        normalisation."""
        w1, b1, w2, b2 = (
            self.pwconv1.weight,
            self.pwconv1.bias,
            self.pwconv2.weight,
            self.pwconv2.bias,
        )
        y, mean, variance, x = self.dwconv.with_moments(x)
        if isinstance(self.norm, BatchNorm):
            scale, shift = self.norm.affine(mean, variance, count=y[..., 0].numel())
            w1, b1 = w1 * scale, torch.addmv(b1, w1, shift)
        else:
            y = self.norm(y)
        return cpu.mlp(y, w1, b1, self.gamma[:, None] * w2, self.gamma * b2, residual=x)


def init_weights(module: nn.Module) -> None:
    """Truncated normal weights (std 0.02) and zero biases, for convolutions and linear layers."""
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
        nn.init.trunc_normal_(module.weight, std=INIT_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
