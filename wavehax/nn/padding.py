"""Padding of the time axis, by zeros or by reflection."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def reflect_index(
    length: int, before: int, after: int, device: torch.device | None = None
) -> Tensor:
    """Indices that pad `length` samples by reflection, however long the padding is.

    They bounce between the ends, as numpy.pad(mode="reflect") does; a single sample is repeated.

    Returns:
        int64 [before + length + after].
    """
    period = max(2 * (length - 1), 1)
    index = torch.arange(-before, length + after, device=device).remainder(period)
    return torch.minimum(index, period - index) if length > 1 else torch.zeros_like(index)


def pad_time(x: Tensor, before: int, after: int, mode: str) -> Tensor:
    """Pad the last dimension of [B, C, T] or [B, C, F, T].

    Args:
        before: frames added at the start.
        after: frames added at the end.
        mode: "causal" adds zeros, "reflect" bounces between the ends.
    """
    if mode == "causal":
        return functional.pad(x, (before, after))
    if max(before, after) >= x.shape[-1]:
        return x.index_select(-1, reflect_index(x.shape[-1], before, after, x.device))
    padding = (before, after) if x.ndim == 3 else (before, after, 0, 0)
    return functional.pad(x, padding, mode="reflect")
