"""Layers of the generator as `wavehax.nn._training` computes them on a CPU: forward and gradients,
several passes in one.

Each function equals the PyTorch operations it stands for, to float32 rounding, and gives the same
bits for any number of threads; there are as many as torch.get_num_threads(). Nothing here can be
differentiated twice.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from wavehax.nn import _training


@functools.cache
def cuda_module() -> ModuleType | None:
    """`wavehax.nn.cuda`, where there is a GPU and Triton (which PyTorch brings with CUDA); else
    None."""
    if not torch.cuda.is_available() or importlib.util.find_spec("triton") is None:
        return None
    return importlib.import_module("wavehax.nn.cuda")


def usable(*tensors: Tensor) -> bool:
    """Whether gradients are recorded, of tensors that are float32 on the CPU: what the functions
    here are for."""
    if not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return False
    return all(x.dtype == torch.float32 and x.device.type == "cpu" for x in tensors)


def depthwise(
    x: Tensor, weight: Tensor, before: int, causal: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Depthwise convolution of [B, F, T, C] by [C, 1, bins, frames] that keeps F and T, bins padded
    by reflection.

    Frames are padded by `before` on the left and the rest of frames - 1 on the right: zeros if
    `causal`, else bouncing.

    Returns:
        The output [B, F, T, C]; the mean and the biased variance [C] of its channels; x again, for
        a residual connection, whose gradient then needs no addition of its own.
    """
    return _Depthwise.apply(x.contiguous(), weight, before, causal)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, before: int, causal: bool
    ) -> tuple[Tensor, ...]:
        out, mean, variance = (
            torch.empty_like(x),
            x.new_empty(x.shape[-1]),
            x.new_empty(x.shape[-1]),
        )
        results = _arrays(out, mean, variance)
        _training.depthwise_forward(
            *_arrays(x, weight), before, causal, torch.get_num_threads(), *results
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
        inputs = _arrays(x, weight, grad.contiguous(), out, offset, slope, grad_x.contiguous())
        results = torch.empty_like(x), torch.empty_like(weight)
        _training.depthwise_backward(
            *inputs, *ctx.padding, torch.get_num_threads(), *_arrays(*results)
        )
        return *results, None, None


def mlp(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, residual: Tensor) -> Tensor:
    """residual + w2 GELU(w1 x + b1) + b2 on [..., C], with w1 [E, C] and w2 [C, E]; GELU is the erf
    form, to 1e-6."""
    return _Mlp.apply(*(tensor.contiguous() for tensor in (x, w1, b1, w2, b2, residual)))


class _Mlp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*inputs[:5])
        out = torch.empty_like(inputs[0])
        _training.mlp_forward(*_arrays(*inputs), torch.get_num_threads(), *_arrays(out))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        inputs = ctx.saved_tensors
        gradients = [torch.empty_like(tensor) for tensor in inputs]
        _training.mlp_backward(
            *_arrays(*inputs, grad.contiguous()), torch.get_num_threads(), *_arrays(*gradients)
        )
        return *gradients, grad


def _arrays(*tensors: Tensor) -> tuple[Any, ...]:
    """The same memory as numpy arrays."""
    return tuple(x.detach().numpy() for x in tensors)
