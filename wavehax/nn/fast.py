"""The fast paths of training: the one place that chooses between PyTorch's operations and kernels.

`wavehax.nn.layers` says what each layer computes. The functions here compute the same, faster or
over several processes, and return None where that does not apply: `wavehax.nn.cpu` on a CPU,
`wavehax.nn.cuda` on a GPU.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, distributed
from torch.nn import functional

from wavehax.config import NORM_EPSILON
from wavehax.nn import cpu
from wavehax.nn.padding import reflect_index

if TYPE_CHECKING:
    from wavehax.nn.layers import BatchNorm, ConvNeXtBlock, DepthwiseConv

L = TypeVar("L")  # a layer


def path(
    fast: Callable[[L, Tensor], Tensor | None],
) -> Callable[[Callable[[L, Tensor], Tensor]], Callable[[L, Tensor], Tensor]]:
    """Decorate `forward` of a layer: `fast(layer, x)` is its output, unless that is None."""

    def decorate(forward: Callable[[L, Tensor], Tensor]) -> Callable[[L, Tensor], Tensor]:
        @functools.wraps(forward)
        def either(layer: L, x: Tensor) -> Tensor:
            out = fast(layer, x)
            return forward(layer, x) if out is None else out

        return either

    return decorate


def block(layer: ConvNeXtBlock, x: Tensor) -> Tensor | None:
    """Compute a block in training by the kernels for CPUs, in two passes over the activations.

    What is affine and small goes into the weights: `gamma`, and the normalisation of a batch norm.
    """
    if not (layer.training and cpu.usable(x, layer.gamma)):
        return None
    from wavehax.nn.layers import BatchNorm  # which imports this module

    conv, norm = layer.dwconv, layer.norm
    y, mean, variance, x = cpu.depthwise(x, conv.weight, conv.before, conv.causal)
    w1: Tensor = layer.pwconv1.weight
    b1: Tensor = layer.pwconv1.bias
    if isinstance(norm, BatchNorm):
        if norm.training:
            scale, shift = _batch_affine(norm, mean, variance, count=y[..., 0].numel())
        else:
            scale, shift = _affine(norm, norm.running_mean, norm.running_var)
        w1, b1 = w1 * scale, torch.addmv(b1, w1, shift)
    else:
        y = norm(y)
    w2, b2 = layer.gamma[:, None] * layer.pwconv2.weight, layer.gamma * layer.pwconv2.bias
    return cpu.mlp(y, w1, b1, w2, b2, residual=x)


def depthwise(layer: DepthwiseConv, x: Tensor) -> Tensor | None:
    """Compute a depthwise convolution by the GPU code, or return None where that cannot run."""
    cuda = _cuda_kernels()
    if cuda is None or not cuda.usable(x, layer.weight):
        return None
    return cuda.depthwise(padded(layer, x), layer.weight)


def padded(layer: DepthwiseConv, x: Tensor) -> Tensor:
    """Pad [B, F, T, C] as the convolution does, the channels of a position staying side by side."""
    below, above = x[:, 1 : layer.bins + 1].flip(1), x[:, -layer.bins - 1 : -1].flip(1)
    x = torch.cat([below, x, above], dim=1)
    if layer.causal:
        return functional.pad(x, (0, 0, layer.before, layer.after))
    return x.index_select(2, reflect_index(x.shape[2], layer.before, layer.after, x.device))


def batch_norm(layer: BatchNorm, x: Tensor) -> Tensor | None:
    """Normalise by the batch of all processes where several train together.

    nn.SyncBatchNorm does so on GPUs alone.
    """
    if not (layer.training and _trains_with_others()):
        return None
    x = x.float()
    variance, mean = torch.var_mean(x, dim=(0, 1, 2), correction=0)
    scale, shift = _batch_affine(layer, mean, variance, count=x[..., 0].numel())
    return torch.addcmul(shift, x, scale)


def _batch_affine(
    norm: BatchNorm, mean: Tensor, variance: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """Return scale and shift [C] that normalise a batch, and update the running statistics.

    Args:
        norm: in training.
        mean: [C], over the `count` values that each channel has in this process. Every process has
            the same number of values.
        variance: [C], the biased one of these values.
        count: at least 2.
    """
    if _trains_with_others():
        processes = distributed.get_world_size()
        joint = _sum_over_processes(mean) / processes
        variance = _sum_over_processes(variance + (mean - joint).square()) / processes
        mean, count = joint, processes * count
    with torch.no_grad():
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (count / (count - 1)), norm.momentum)
    return _affine(norm, mean, variance)


def _affine(norm: BatchNorm, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    scale = norm.weight * torch.rsqrt(variance + NORM_EPSILON)
    return scale, norm.bias - mean * scale


def _trains_with_others() -> bool:
    return distributed.is_initialized() and distributed.get_world_size() > 1


def _sum_over_processes(x: Tensor) -> Tensor:
    return _SumOverProcesses.apply(x)


class _SumOverProcesses(torch.autograd.Function):
    """Sums a tensor over all processes.

    The backward pass sums its gradient: every process contributed to the sum of each.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


@functools.cache
def _cuda_kernels() -> ModuleType | None:
    """Import `wavehax.nn.cuda` where there is a GPU and Triton (which PyTorch brings with CUDA)."""
    if not torch.cuda.is_available() or importlib.util.find_spec("triton") is None:
        return None
    return importlib.import_module("wavehax.nn.cuda")
