"""Measures faults that scores of likeness do not see.

These are pulses in place of noise, noise that repeats, and harmonics that blur.
"""

from __future__ import annotations

import numpy as np

from wavehax.evaluate.contrast import harmonic_contrast
from wavehax.evaluate.folding import fold_depth
from wavehax.evaluate.frames import Voicing, band_pass, local_power, voicing
from wavehax.evaluate.pitch import FRAMES

FOLD_BANDS = ((1000.0, 4000.0), (4000.0, 8000.0), (8000.0, 11500.0))
"""Edges in Hz of the bands whose power is folded over a hop."""

HARMONIC_BANDS = ((1000.0, 2000.0), (2000.0, 4000.0), (4000.0, 8000.0), (8000.0, 12000.0))
"""Edges in Hz of the bands whose harmonics are measured.

The last harmonic keeps clear of half the sample rate.
"""

_NOISE_BAND = (1000.0, 11500.0)  # Hz; noise is compared in this band
_LEAST_SECONDS = 0.1  # least length of noise for a comparison


def texture(
    natural: np.ndarray,
    generated: np.ndarray,
    other_seed: np.ndarray | None,
    rate: int,
    f0: np.ndarray,
    hop: float,
    n_fft: int | None,
) -> dict[str, float]:
    """Measure the fine structure of noise and harmonics, of a recording and of its synthesis.

    `fold_voiced_1k`, `fold_voiced_4k`, `fold_unvoiced_1k` and so on are `fold_depth` in dB for
    FOLD_BANDS, named by their lower edge. `harmonics_1k` and so on are `harmonic_contrast` in dB
    for HARMONIC_BANDS. `lag_correlation` is the correlation of unvoiced sound from 1 kHz on with
    itself `n_fft` samples later. `seed_correlation` is its correlation with the same sound made
    with another seed.

    Args:
        natural: the recording, [N].
        generated: the sound made from it, [N].
        other_seed: the same made with another seed, [N]; None if there is none.
        rate: Hz.
        f0: F0 of the recording, [T] in Hz on `pitch.FRAMES`, 0 where unvoiced.
        hop: samples between the frames that the vocoder takes.
        n_fft: samples of the vocoder's Fourier transform; None if it is unknown.

    Returns:
        the figures of `generated` by name, and those of the recording as NAME_recording, which has
        no `seed_correlation`. A figure is nan where there is too little sound for it, and missing
        for a band above half the sample rate.
    """
    classes = voicing(natural, rate, f0)
    found: dict[str, float] = {}
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
    """Correlation of two sounds [N] from 1 to 11.5 kHz: 1 for a copy, 0 for independent noise.

    Both are brought to the same power in every hop of `pitch.FRAMES`, so that each hop counts
    alike, loud or soft.

    Args:
        first: a sound, [N].
        second: another, [N].
        rate: Hz.
        mask: bool [N], true for samples that count.
        lag: samples by which the second is taken later.

    Returns:
        -1 to 1; nan where less than 0.1 s counts.
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
