"""Mels and F0 to train a predictor on: at any pitch and level, noisy, and as smooth as acoustic
models make them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wavehax.config import FeatureConfig
from wavehax.data.config import DataConfig
from wavehax.data.segments import SegmentDataset
from wavehax.mel.features import mel_filterbank

SEGMENTS = {
    "batch_size": 32,
    "segment_frames": 64,
    "gain_db": 12.0,
    "speed_share": 0.06,  # a segment at another speed takes as long as all the rest of a step
    "speed_min": 0.6,
    "speed_max": 2.2,
}
"""Fields of DataConfig."""
_NOISE_SHARE = 0.3  # of mels
# natural log of the deviation of white noise: 78 to 52 dB below full scale
_NOISE_LEVELS = (-9.0, -6.0)
_SMOOTH_SHARE = 0.4  # of mels, of those over frames and of those over bands


def datasets(folder: Path, features: FeatureConfig, seed: int) -> list[SegmentDataset]:
    """Segments as recorded or at another speed; and, where the folder has them, of the voices at
    another pitch.

    Raises:
        OSError, ValueError: as SegmentDataset.
    """
    sources = [SegmentDataset(DataConfig(str(folder), **SEGMENTS), features, seed)]
    if (folder / "f0_shifted.npy").is_file():
        shifted = SegmentDataset(
            DataConfig(str(folder), **{**SEGMENTS, "speed_share": 0.0}), features, seed
        )
        shifted.mel, shifted.f0 = (
            np.load(folder / f"{name}_shifted.npy", mmap_mode="r") for name in ("mel", "f0")
        )
        sources.append(shifted)
    return sources


def white_noise_bands(features: FeatureConfig) -> np.ndarray:
    """Root mean square of each band of the mel, not logarithmic, for white noise of unit variance:
    [n_mels].

    Bands add up magnitudes, all alike for noise; those of several bins are at most 12 % (1 dB)
    lower than said here.
    """
    window_energy = 3 / 8 * features.n_fft  # of a Hann window
    return np.sqrt(window_energy) * mel_filterbank(features).sum(axis=1)


def noisy_mel(mel: Tensor, noise_bands: Tensor, rng: torch.Generator) -> Tensor:
    """Some of the log-mels [B, n_mels, T] as if white noise of a random level had been recorded
    too.

    Powers of signal and noise add up. Those of the noise are drawn from an exponential
    distribution, which is right for a band as narrow as a bin, and too wide for the high ones,
    where no pitch is seen.

    Args:
        mel: natural log of magnitude.
        noise_bands: [n_mels], as `white_noise_bands` gives them.
        rng: decides which mels, how loud the noise is, and the noise.
    """
    level = torch.exp(torch.empty(len(mel), 1, 1).uniform_(*_NOISE_LEVELS, generator=rng))
    level = level * (torch.rand(len(mel), 1, 1, generator=rng) < _NOISE_SHARE)
    power = torch.empty_like(mel).exponential_(generator=rng)
    return 0.5 * torch.log(torch.exp(2 * mel) + power * (level * noise_bands[:, None]).square())


def smoothed_mel(mel: Tensor, rng: torch.Generator) -> Tensor:
    """Log-mels [B, n_mels, T], some of them smoothed over bands and some over frames, by three taps
    [w, 1 - 2w, w].

    w is drawn uniformly up to 1/3, a plain average. What acoustic models predict is a mean, and
    smooth like that.
    """
    for axis in (1, 2):
        side = torch.rand(len(mel), 1, 1, generator=rng) / 3
        side = side * (torch.rand(len(mel), 1, 1, generator=rng) < _SMOOTH_SHARE)
        size = mel.shape[axis]
        padded = torch.cat([mel.narrow(axis, 0, 1), mel, mel.narrow(axis, size - 1, 1)], dim=axis)
        mel = (1 - 2 * side) * mel + side * (
            padded.narrow(axis, 0, size) + padded.narrow(axis, 2, size)
        )
    return mel
