"""The kernels of `wavehax.nn._training` as PyTorch functions: layers of the generator on a CPU.

Each function equals the PyTorch operations that it stands for, to float32 rounding, in fewer passes
over memory. It runs on torch.get_num_threads() threads, and any number of them gives the same bits.
Its gradients cannot be differentiated again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from wavehax.nn import _training


def usable(*tensors: Tensor) -> bool:
    """Return whether the functions here accept these tensors: float32 on a CPU, with gradients."""
    if not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return False
    return all(x.dtype == torch.float32 and x.device.type == "cpu" for x in tensors)


def depthwise(
    x: Tensor, weight: Tensor, before: int, causal: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Depthwise convolution of [B, F, T, C] that keeps F and T.

    Args:
        x: [B, F, T, C]; bins are padded by reflection.
        weight: [C, 1, bins, frames].
        before: frames padded on the left; the rest of frames - 1 is padded on the right.
        causal: whether frames are padded by zeros; by reflection otherwise.

    Returns:
        The output [B, F, T, C], the mean and the biased variance [C] of its channels, and x again.
        The last one is for a residual connection, whose gradient then needs no addition of its own.
    """
    return _Depthwise.apply(x.contiguous(), weight, before, causal)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, before: int, causal: bool
    ) -> tuple[Tensor, ...]:
        channels = x.shape[-1]
        out, mean, variance = torch.empty_like(x), x.new_empty(channels), x.new_empty(channels)
        _training.depthwise_forward(
            _array(x),
            _array(weight),
            before,
            causal,
            torch.get_num_threads(),
            out=_array(out),
            mean=_array(mean),
            variance=_array(variance),
        )
        ctx.save_for_backward(x, weight, out, mean)
        ctx.padding = before, causal
        return out, mean, variance, x

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad: Tensor, grad_mean: Tensor, grad_variance: Tensor, grad_x: Tensor
    ) -> tuple[Any, ...]:
        x, weight, out, mean = ctx.saved_tensors
        count = out[..., 0].numel()
        # d variance / d out = 2 (out - mean) / count, d mean / d out = 1 / count
        slope = grad_variance * (2 / count)
        offset = grad_mean / count - slope * mean
        before, causal = ctx.padding
        grad_in = torch.empty_like(x)
        grad_weight = torch.empty_like(weight, memory_format=torch.contiguous_format)
        _training.depthwise_backward(
            _array(x),
            _array(weight),
            _array(grad),
            _array(out),
            _array(offset),
            _array(slope),
            _array(grad_x),
            before,
            causal,
            torch.get_num_threads(),
            grad_x=_array(grad_in),
            grad_weight=_array(grad_weight),
        )
        return grad_in, grad_weight, None, None


def mlp(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, residual: Tensor) -> Tensor:
    """residual + w2 GELU(w1 x + b1) + b2 on [..., C]; GELU is the erf form, to 1e-6.

    Args:
        x: [..., C].
        w1, b1: [E, C] and [E].
        w2, b2: [C, E] and [C].
        residual: [..., C].
    """
    return _Mlp.apply(*(tensor.contiguous() for tensor in (x, w1, b1, w2, b2, residual)))


class _Mlp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*inputs[:5])
        x, w1, b1, w2, b2, residual = (_array(tensor) for tensor in inputs)
        out = torch.empty_like(inputs[0])
        _training.mlp_forward(x, w1, b1, w2, b2, residual, torch.get_num_threads(), out=_array(out))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        x, w1, b1, w2, b2 = (_array(tensor) for tensor in ctx.saved_tensors)
        gradients = [torch.empty_like(tensor) for tensor in ctx.saved_tensors]
        grad_x, grad_w1, grad_b1, grad_w2, grad_b2 = (_array(tensor) for tensor in gradients)
        _training.mlp_backward(
            x,
            w1,
            b1,
            w2,
            b2,
            _array(grad),
            torch.get_num_threads(),
            grad_x,
            grad_w1,
            grad_b1,
            grad_w2,
            grad_b2,
        )
        return *gradients, grad


def _array(tensor: Tensor) -> np.ndarray:
    """The values in C order; a contiguous tensor shares its memory, and can be written to so."""
    return tensor.detach().contiguous().numpy()
