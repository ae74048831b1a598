"""The gradient of a convolution with respect to one of its input planes, fast on a CPU.

The first layer of a discriminator has one plane that depends on the wave, and a stride. oneDNN
computes the gradient of such an input at an eighth of the speed of the layer itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

_FRAMES = 4  # neighbours that are computed together, as channels: with two bins, a register


def usable(plane: Tensor) -> bool:
    """Return whether a gradient goes to `plane`, on a CPU and in float32 or float64."""
    if plane.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return False
    return torch.is_grad_enabled() and plane.requires_grad


def attach(out: Tensor, plane: Tensor, weight: Tensor) -> Tensor:
    """Return `out`, through which the gradient flows to `plane` as well.

    Args:
        out: [B, C, ceil(F / 2), T], the result of a convolution that did not see `plane` as a
            tensor with a gradient. It is changed into the result, as by an operation in place.
        plane: [B, F, T], the plane of the convolution's input.
        weight: [C, bins, frames], its weights for that plane, without a gradient. Both numbers are
            odd, the stride is (2, 1), and the padding half of a kernel.
    """
    return _Joined.apply(out, _Share.apply(plane, weight, out.shape))


class _Joined(torch.autograd.Function):
    """`out` with a second place to which its gradient goes.

    It is apart from `_Share`, whose backward pass is then left out where only weights are asked
    for.
    """

    @staticmethod
    def forward(ctx: Any, out: Tensor, share: Tensor) -> Tensor:
        ctx.mark_dirty(out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        return grad, grad


class _Share(torch.autograd.Function):
    """The share of `plane` in the result, of which only the gradient is computed."""

    @staticmethod
    def forward(ctx: Any, plane: Tensor, weight: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.size = plane.shape[1:]
        return plane.new_zeros(()).expand(shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        return _gradient(grad, weight, *ctx.size), None, None


def _gradient(grad: Tensor, weight: Tensor, bins: int, frames: int) -> Tensor:
    """The gradient [B, bins, frames] of the plane, as a convolution of that of the output.

    Its channels are the 2 x _FRAMES places of a tile of the plane. A tile at output bin a and frame
    4 b sees bins a + lowest to a + highest of the output, and frames 4 b - side to 4 b + 3 + side.
    """
    channels, height, width = weight.shape
    half, side = height // 2, width // 2
    lowest, highest = -((height - 1 - half) // 2), (1 + half) // 2
    bin_, frame = torch.arange(2)[:, None, None, None], torch.arange(_FRAMES)[:, None, None]
    seen_bin = torch.arange(lowest, highest + 1)[:, None]
    seen_frame = torch.arange(-side, _FRAMES + side)
    # Output (p, q) has the plane's (f, t) at its weight (f + half - 2 p, t + side - q).
    i, j = bin_ + half - 2 * seen_bin, frame + side - seen_frame
    inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
    at = torch.where(inside, i * width + j, height * width)  # the last one is a zero
    kernel = functional.pad(weight.flatten(1), (0, 1))[:, at.flatten()]
    kernel = kernel.view(channels, 2 * _FRAMES, *at.shape[2:]).transpose(0, 1)
    tiles = functional.conv2d(
        grad,
        kernel.contiguous(memory_format=torch.channels_last),
        stride=(1, _FRAMES),
        # As much on either side; what is too much is cut off.
        padding=(max(-lowest, highest), side + _FRAMES),
    )
    first = max(-lowest, highest) + lowest
    tiles = tiles[:, :, first : first + grad.shape[2], 1 : 1 - (-frames // _FRAMES)]
    plane = tiles.unflatten(1, (2, _FRAMES)).permute(0, 3, 1, 4, 2)  # [B, bins / 2, 2, tiles, 4]
    return plane.flatten(3).flatten(1, 2)[:, :bins, :frames]
