"""The spectral envelope that a log-mel describes, as a linear map (docs/design.md#excitation)."""

from __future__ import annotations

import numpy as np

from wavehax.config import FeatureConfig, GeneratorConfig
from wavehax.mel.features import (
    analysis_window,
    interpolation,
    mel_filterbank,
    mel_frequencies,
)


def envelope_weights(
    config: GeneratorConfig, features: FeatureConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Weight [F, n_mels] and bias [F] that map a log-mel to log-magnitudes of the generator's STFT.

    The log-mel of a band minus the log of the sum of its filter is the log-magnitude there in the
    STFT that the mel is made of. It is interpolated linearly over frequency between the centres of
    the bands, and held beyond the first and the last. The bias also accounts for windows of
    different lengths.

    Raises:
        ValueError: `features` has other bands or another sample rate than the generator.
    """
    if (features.n_mels, features.sample_rate) != (config.n_mels, config.sample_rate):
        raise ValueError(
            f"features of {features.n_mels} bands at {features.sample_rate} Hz:"
            f" expected {config.n_mels} bands at {config.sample_rate} Hz"
        )
    sums = mel_filterbank(features).sum(axis=1)
    heard = sums > 0  # a band narrower than a bin may contain none, and is then left out
    centres = mel_frequencies(features)[1:-1][heard]
    bins = np.arange(config.num_bins) * config.sample_rate / config.n_fft
    weight = np.zeros((config.num_bins, config.n_mels))
    weight[:, heard] = interpolation(bins, centres)
    bias = -weight[:, heard] @ np.log(sums[heard]) / features.power
    energy = np.sum(analysis_window(features) ** 2)
    return weight, bias + 0.5 * np.log(_hann_energy(config.n_fft) / energy)


def _hann_energy(length: int) -> float:
    """Sum of the squared samples of a periodic Hann window of at least 3 samples."""
    return 3 / 8 * length
