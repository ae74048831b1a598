"""The predictor of F0 as operators. Twin of nn/f0.py."""

from __future__ import annotations

import numpy as np

from wavehax.checkpoint import F0Model
from wavehax.config import F0_PEAK_BINS, F0Config
from wavehax.export.graph import Tensor, integers
from wavehax.export.timeline import Reach, Timeline


def predicted_f0(time: Timeline, mel: Tensor, model: F0Model) -> Tensor:
    """F0 [B, T] in Hz, 0 where unvoiced, predicted from a mel [B, n_mels, T]."""
    weights = model.weights

    def convolution(x: Tensor, name: str, dilation: int = 1) -> Tensor:
        weight = weights[f"{name}.weight"]
        reach = Reach((weight.shape[2] - 1) * dilation, 0)
        x = time.window(x, f"f0.{name}", (weight.shape[1], -1), reach)
        return x.op("Conv", weight, weights[f"{name}.bias"], dilations=[dilation])

    x = (mel - weights["mel_mean"][:, None]) / weights["mel_scale"][:, None]
    x = convolution(x, "input_proj").gelu()
    for i in range(model.config.num_blocks):
        x = x + convolution(x, f"blocks.{i}", 2**i).gelu()
    return _decode(convolution(x, "output_proj"), model.config)


def _decode(logits: Tensor, config: F0Config) -> Tensor:
    """The mean of the bins around the likeliest one, weighted by probability; 0 where unvoiced."""
    pitch, voicing = logits.slice(1, 0, -1), logits.slice(1, -1)
    bins = np.arange(config.num_bins, dtype=np.float32)[:, None]
    peak = pitch.op("ArgMax", axis=1).cast(np.float32)
    near = (peak - bins).op("Abs").op("LessOrEqual", F0_PEAK_BINS)
    weight = near.where(pitch, -np.inf).op("Softmax", axis=1)
    position = (weight * bins).op("ReduceSum", integers(1))
    f0 = np.float32(2) ** (position * (config.bin_cents / 1200)) * config.f0_min
    return (voicing > 0).where(f0, 0).op("Squeeze", integers(1))
