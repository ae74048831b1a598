"""Disturbances of the mels that a predictor of F0 is trained on.

Some become noisy, and some as smooth as acoustic models make them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wavehax.config import FeatureConfig
from wavehax.data.prepared import has_given_mels, prepared_manifest
from wavehax.mel.features import analysis_window, mel_filterbank

SEGMENTS: dict[str, Any] = {
    "batch_size": 32,
    "segment_frames": 64,
    "gain_db": 12.0,
    "speed_share": 0.06,  # a segment at another speed takes as long as all the rest of a step
    "speed_min": 0.6,
    "speed_max": 2.5,
}
"""Fields of DataConfig, as the provenance of a model names them."""
_NOISE_SHARE = 0.3  # share of mels with noise
# Natural log of the least and greatest RMS of the white noise: 78 and 52 dB below full scale.
_NOISE_LEVELS = (-9.0, -6.0)
_SMOOTH_SHARE = 0.4  # share of mels smoothed over frames, and of those smoothed over bands


def segments(folder: Path, features: FeatureConfig) -> dict[str, Any]:
    """SEGMENTS, or those at the recorded speed where the folder has mels that were given.

    Raises:
        OSError, ValueError: as SegmentDataset.
    """
    given = has_given_mels(prepared_manifest(folder, features)["utterances"])
    return {**SEGMENTS, "speed_share": 0.0} if given else SEGMENTS


def white_noise_bands(features: FeatureConfig) -> np.ndarray:
    """Root mean square of each band of the mel for white noise of unit variance, [n_mels].

    It is not logarithmic. A band adds up magnitudes of bins, which are equal on average for noise.
    For a band of several bins the true value is at most 12 % (1 dB) lower.
    """
    energy = np.sum(analysis_window(features) ** 2)
    sums = mel_filterbank(features).sum(axis=1)
    return np.sqrt(energy) * sums ** (1 / features.power)


def noisy_mel(mel: Tensor, noise_bands: Tensor, rng: torch.Generator) -> Tensor:
    """Add white noise of a random level to some of the log-mels, as if it had been recorded.

    Powers of signal and noise add up. Those of the noise are drawn from an exponential
    distribution. It is right for a band as narrow as a bin and too wide for the high bands, where
    no pitch is seen.

    Args:
        mel: [B, n_mels, T], natural log of magnitude.
        noise_bands: [n_mels], as `white_noise_bands` gives them.
        rng: decides which mels get noise, its level and the noise.

    Returns:
        [B, n_mels, T].
    """
    level = torch.exp(torch.empty(len(mel), 1, 1).uniform_(*_NOISE_LEVELS, generator=rng))
    level = level * (torch.rand(len(mel), 1, 1, generator=rng) < _NOISE_SHARE)
    power = torch.empty_like(mel).exponential_(generator=rng)
    return 0.5 * torch.log(torch.exp(2 * mel) + power * (level * noise_bands[:, None]).square())


def smoothed_mel(mel: Tensor, rng: torch.Generator) -> Tensor:
    """Smooth some log-mels [B, n_mels, T] over bands and some over frames, by taps [w, 1 - 2w, w].

    w is drawn uniformly from 0 to 1/3, which is a plain average. Acoustic models predict the mean
    of many possible mels, which is smooth like that.
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
