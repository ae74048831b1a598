"""Faults that scores of likeness do not see: pulses in place of noise, noise that repeats,
harmonics that blur."""

from __future__ import annotations

import numpy as np

from wavehax.evaluate.contrast import harmonic_contrast
from wavehax.evaluate.folding import fold_depth
from wavehax.evaluate.frames import Voicing, band_pass, local_power, voicing
from wavehax.evaluate.pitch import FRAMES

FOLD_BANDS = ((1000.0, 4000.0), (4000.0, 8000.0), (8000.0, 11500.0))
"""Edges in Hz of the bands whose power is folded over a hop."""

HARMONIC_BANDS = ((1000.0, 2000.0), (2000.0, 4000.0), (4000.0, 8000.0), (8000.0, 12000.0))
"""Edges in Hz of the bands whose harmonics are looked at; the last harmonic keeps clear of half the
sample rate."""

_NOISE_BAND = (1000.0, 11500.0)  # Hz, in which noise is compared with noise
_LEAST_SECONDS = 0.1  # of noise to compare


def texture(
    natural: np.ndarray,
    generated: np.ndarray,
    other_seed: np.ndarray | None,
    rate: int,
    f0: np.ndarray,
    hop: float,
    n_fft: int | None,
) -> dict[str, float]:
    """Measures of a recording and of what was made from it.

    Args:
        natural: the recording, [N].
        generated: what was made from it, [N].
        other_seed: the same made with another seed, [N]; None: there is no such.
        rate: Hz.
        f0: [T] of the recording in Hz on `pitch.FRAMES`, 0 where unvoiced.
        hop: samples between the frames that the vocoder takes.
        n_fft: samples of the vocoder's Fourier transform; None: unknown.

    Returns:
        By name the figure of `generated`, and under NAME_recording that of the recording; nan where
        there is too little sound for one, and nothing for a band that the rate does not hold:
        `fold_voiced_1k`, `fold_voiced_4k`, `fold_voiced_8k`, `fold_unvoiced_1k`, ...: `fold_depth`
        in dB of the bands FOLD_BANDS, named by their lower edge; `harmonics_1k`, `harmonics_2k`,
        ...: `harmonic_contrast` in dB of HARMONIC_BANDS; `lag_correlation`: correlation of unvoiced
        sound from 1 kHz on with itself, `n_fft` samples later; `seed_correlation`: its correlation
        with that of another seed (which a recording does not have).
    """
    classes = voicing(natural, rate, f0)
    found = {}
    for wave, suffix in ((generated, ""), (natural, "_recording")):
        measures = _fold_depths(wave, rate, hop, classes) | _contrasts(wave, rate, f0)
        if n_fft is not None:
            measures["lag_correlation"] = noise_correlation(
                wave, wave, rate, classes.unvoiced, n_fft
            )
        found |= {name + suffix: value for name, value in measures.items()}
    if other_seed is not None:
        found["seed_correlation"] = noise_correlation(generated, other_seed, rate, classes.unvoiced)
    return found


def _fold_depths(wave: np.ndarray, rate: int, hop: float, classes: Voicing) -> dict[str, float]:
    bands = [band for band in FOLD_BANDS if band[1] < rate / 2]
    return {
        f"fold_{kind}_{band[0] / 1000:.0f}k": fold_depth(wave, rate, hop, band, mask)
        for kind, mask in (("voiced", classes.voiced), ("unvoiced", classes.unvoiced))
        for band in bands
    }


def _contrasts(wave: np.ndarray, rate: int, f0: np.ndarray) -> dict[str, float]:
    bands = [(low, min(high, rate / 2)) for low, high in HARMONIC_BANDS if low < 0.45 * rate]
    values = harmonic_contrast(wave, rate, f0, bands)
    return {
        f"harmonics_{band[0] / 1000:.0f}k": value for band, value in zip(bands, values, strict=True)
    }


def noise_correlation(
    first: np.ndarray, second: np.ndarray, rate: int, mask: np.ndarray, lag: int = 0
) -> float:
    """Correlation of two sounds [N], 1 to 11.5 kHz, the second `lag` samples later: 1 for a copy, 0
    for others.

    Both are brought to the same power in every hop of `pitch.FRAMES`, so that each counts alike,
    loud or soft; `mask`, bool [N], tells which samples count. nan where those are less than 0.1 s.
    """
    band = (_NOISE_BAND[0], min(_NOISE_BAND[1], 0.48 * rate))
    span = rate * FRAMES.hop_length / FRAMES.sample_rate
    parts = [band_pass(wave, rate, *band) for wave in (first, second)]
    a, b = (part / np.sqrt(local_power(part, span)) for part in parts)
    a, b, counted = a[: len(a) - lag], b[lag:], mask[: len(mask) - lag] & mask[lag:]
    if counted.sum() < _LEAST_SECONDS * rate:
        return float("nan")
    a, b = a[counted], b[counted]
    return float(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b)))
