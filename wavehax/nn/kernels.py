"""Layers of the generator as `wavehax._training` computes them on a CPU: forward and gradients, several passes in one.

Each function equals the PyTorch operations it stands for, to float32 rounding, and gives the same bits for any number
of threads; there are as many as torch.get_num_threads(). Nothing here can be differentiated twice.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from wavehax import _training


def usable(*tensors: Tensor) -> bool:
    """Whether gradients are recorded, of tensors that are float32 on the CPU: what the functions here are for."""
    return torch.is_grad_enabled() and all(x.dtype == torch.float32 and x.device.type == "cpu" for x in tensors)


def depthwise(x: Tensor, weight: Tensor, before: int, causal: bool) -> Tensor:
    """Depthwise convolution of [B, F, T, C] by [C, 1, bins, frames] that keeps F and T, bins padded by reflection.

    Frames are padded by `before` on the left and the rest of frames - 1 on the right: zeros if `causal`, else bouncing.
    """
    return _Depthwise.apply(x.contiguous(), weight, before, causal)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, before: int, causal: bool) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding = before, causal
        out = torch.empty_like(x)
        _training.depthwise_forward(*_arrays(x, weight), before, causal, torch.get_num_threads(), *_arrays(out))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad_x, grad_weight = torch.empty_like(x), torch.empty_like(weight)
        inputs = _arrays(x, weight, grad.contiguous())
        _training.depthwise_backward(*inputs, *ctx.padding, torch.get_num_threads(), *_arrays(grad_x, grad_weight))
        return grad_x, grad_weight, None, None


def _arrays(*tensors: Tensor) -> tuple[Any, ...]:
    """The same memory as numpy arrays."""
    return tuple(x.detach().numpy() for x in tensors)
