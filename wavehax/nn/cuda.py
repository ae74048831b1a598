"""The depthwise convolution of the generator on a GPU, for training.

It is made for [B, F, T, C] with few channels and many taps. PyTorch's own takes [B, C, F, T]. It
reads its input once for every tap, and again for the gradient of every weight.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

_FRAMES = 64  # frames that one program computes
_ROWS = 16  # bins over which one program sums the gradient of the weights
_TAPS = 8  # most taps in a row of the kernel; Triton's blocks need a power of two


def usable(x: Tensor, weight: Tensor) -> bool:
    """Return whether `depthwise` accepts these tensors.

    They must be float32 on a GPU, with a power of two of channels and a kernel of at most 8 frames.
    """
    channels = x.shape[-1]
    same = x.is_cuda and x.dtype == weight.dtype == torch.float32
    return same and channels & (channels - 1) == 0 and weight.shape[-1] <= _TAPS


def depthwise(x: Tensor, weight: Tensor) -> Tensor:
    """Depthwise correlation of x [B, F, T, C] with weight [C, 1, bins, frames], without padding.

    Returns:
        [B, F - bins + 1, T - frames + 1, C].
    """
    return _Depthwise.apply(x.contiguous(), weight)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        taps = weight[:, 0].permute(1, 2, 0).contiguous()  # [bins, frames, C]
        ctx.save_for_backward(x, taps)
        bins, frames = taps.shape[:2]
        return _correlate(x, taps, (x.shape[1] - bins + 1, x.shape[2] - frames + 1), (0, 0))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, taps = ctx.saved_tensors
        grad = grad.contiguous()
        bins, frames = taps.shape[:2]
        flipped, size = taps.flip(0, 1).contiguous(), (x.shape[1], x.shape[2])
        grad_x = _correlate(grad, flipped, size, (bins - 1, frames - 1))
        return grad_x, _weight_gradient(x, grad, bins, frames)


def _correlate(x: Tensor, taps: Tensor, size: tuple[int, int], before: tuple[int, int]) -> Tensor:
    """Correlate x, padded by zeros, with taps [bins, frames, C].

    Args:
        size: bins and frames of the output.
        before: bins and frames of zeros in front of x.
    """
    batch, in_bins, in_frames, channels = x.shape
    out = x.new_empty(batch, *size, channels)
    grid = (batch * size[0], triton.cdiv(size[1], _FRAMES))
    _correlate_kernel[grid](
        x, taps, out, in_bins, in_frames, *size, *before, *taps.shape[:2], channels, _FRAMES,
        num_warps=4
    )  # fmt: skip
    return out


def _weight_gradient(x: Tensor, grad: Tensor, bins: int, frames: int) -> Tensor:
    batch, out_bins, out_frames, channels = grad.shape
    parts = triton.cdiv(out_bins, _ROWS)
    partial = x.new_empty(bins, batch * parts, _TAPS, channels)
    _weight_gradient_kernel[(bins, batch * parts)](
        x, grad, partial, *x.shape[1:3], out_bins, out_frames, parts, frames, channels,
        _ROWS, 16, _TAPS, num_warps=4,
    )  # fmt: skip
    return partial.sum(dim=1)[:, :frames].permute(2, 0, 1).unsqueeze(1)


@triton.jit
def _correlate_kernel(  # type: ignore[no-untyped-def]  # Triton gives annotations a meaning
    x, taps, out, in_bins, in_frames, out_bins, out_frames, bins_before, frames_before,
    BINS: tl.constexpr, FRAMES: tl.constexpr, CHANNELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    batch = row // out_bins
    bin_first = row % out_bins - bins_before
    frame = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    channel = tl.arange(0, CHANNELS)
    total = tl.zeros([BLOCK, CHANNELS], tl.float32)
    for i in range(BINS):
        in_bin = bin_first + i
        if (in_bin >= 0) & (in_bin < in_bins):
            base = x + (batch * in_bins + in_bin).to(tl.int64) * in_frames * CHANNELS
            for j in tl.static_range(FRAMES):
                at = frame - frames_before + j
                inside = (at >= 0) & (at < in_frames)
                value = tl.load(
                    base + at[:, None] * CHANNELS + channel[None, :],
                    mask=inside[:, None],
                    other=0.0,
                )
                total += value * tl.load(taps + (i * FRAMES + j) * CHANNELS + channel)[None, :]
    base = out + row.to(tl.int64) * out_frames * CHANNELS
    tl.store(
        base + frame[:, None] * CHANNELS + channel[None, :],
        total,
        mask=(frame < out_frames)[:, None],
    )


@triton.jit
def _weight_gradient_kernel(  # type: ignore[no-untyped-def]  # as for _correlate_kernel
    x, grad, partial, in_bins, in_frames, out_bins, out_frames, parts, frames,
    CHANNELS: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr, TAPS: tl.constexpr,
):  # fmt: skip
    """Sum the gradient of tap (i, j) over ROWS bins of one item of the batch.

    The sum goes to partial[i, batch * parts + part, j, c].
    """
    tap_bin = tl.program_id(0)
    where = tl.program_id(1)
    batch = where // parts
    first = (where % parts) * ROWS
    tap = tl.arange(0, TAPS)
    channel = tl.arange(0, CHANNELS)
    total = tl.zeros([TAPS, BLOCK, CHANNELS], tl.float32)  # summed over threads once, at the end
    for r in range(ROWS):
        out_bin = first + r
        if out_bin < out_bins:
            x_row = x + (batch * in_bins + out_bin + tap_bin).to(tl.int64) * in_frames * CHANNELS
            grad_row = grad + (batch * out_bins + out_bin).to(tl.int64) * out_frames * CHANNELS
            for start in range(0, out_frames, BLOCK):
                frame = start + tl.arange(0, BLOCK)
                g = tl.load(
                    grad_row + frame[:, None] * CHANNELS + channel[None, :],
                    mask=(frame < out_frames)[:, None], other=0.0,
                )  # fmt: skip
                at = frame[None, :] + tap[:, None]
                inside = (at < in_frames) & (tap < frames)[:, None]
                value = tl.load(
                    x_row + at[:, :, None] * CHANNELS + channel[None, None, :],
                    mask=inside[:, :, None],
                    other=0.0,
                )
                total += value * g[None, :, :]
    base = partial + (tap_bin * tl.num_programs(1) + where).to(tl.int64) * TAPS * CHANNELS
    tl.store(base + tap[:, None] * CHANNELS + channel[None, :], tl.sum(total, axis=1))
