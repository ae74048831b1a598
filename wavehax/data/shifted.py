"""The mel of a voice at another pitch, from which a model learns to take the pitch from F0 alone.

A mel of a hundred bands shows the lower harmonics of a voice one by one. A model that has only seen
mels and F0 of the same recording may follow either, and follows the mel: with F0 scaled, its output
keeps the old pitch. Here WORLD (Morise et al., IEICE 2016) analyses the voice and resynthesises it
at another pitch. Only the mel of the result is kept. The model is to make the natural recording
from its own F0 and this mel.
"""

from __future__ import annotations

import numpy as np

from wavehax.config import FeatureConfig
from wavehax.mel.features import natural_mel
from wavehax.mel.world import resynthesise

FACTOR_MIN, FACTOR_MAX = 0.55, 2.1
"""Range of pitch factors: an octave and a little more either way."""
_LOWEST, _HIGHEST = 60.0, 900.0  # range in Hz of the median F0 of a shifted voice


def random_factor(f0: np.ndarray, rng: np.random.Generator) -> float:
    """Draw a pitch factor for a voice with this F0 [T] in Hz, uniformly on a logarithmic scale.

    It is 1 where nothing is voiced.
    """
    voiced = f0[f0 > 0]
    if voiced.size == 0:
        return 1.0
    median = float(np.median(voiced))
    low, high = max(FACTOR_MIN, _LOWEST / median), min(FACTOR_MAX, _HIGHEST / median)
    return float(np.exp(rng.uniform(np.log(low), np.log(max(low, high)))))


def shifted_mel(
    audio: np.ndarray, f0: np.ndarray, factor: float, features: FeatureConfig
) -> np.ndarray:
    """Log-mel [n_mels, T] of a voice whose pitch is multiplied by `factor`, its envelope unchanged.

    Args:
        audio: [N] at `features.sample_rate`.
        f0: [T] in Hz at samples t * hop_length, 0 where unvoiced.
        factor: multiplies the pitch; more than 0.
        features: the definition of the mel.
    """
    wave = resynthesise(audio, f0, factor, features.sample_rate, features.hop_length)
    return natural_mel(wave, features)[:, : len(f0)]
