"""Changes the sample rate of a waveform in memory, by a windowed sinc."""

from __future__ import annotations

import math

import numpy as np

# Zero crossings of the sinc on either side. With the Kaiser window below, the transition from pass
# band to stop band is a tenth of the band wide.
_ZERO_CROSSINGS = 64
_KAISER_BETA = 10.056  # Kaiser's formula for 100 dB of stop-band attenuation: 0.1102 * (100 - 8.7)
_ROLLOFF = 0.95  # centre of the transition in parts of the Nyquist frequency, where it ends
# Coefficients of all filters; they take 0.4 GB while they are made. 44100 to 24000 Hz needs 20,000,
# and 44101 to 24000 Hz, which have no common divisor, 6 million.
_MOST_COEFFICIENTS = 1 << 23
# Samples out for one sample in. A file that claims to have 1 Hz would become 24,000 times longer.
_MOST_TIMES = 64
_BLOCK_OUTPUTS = 8192  # samples resampled at once: 8 MB of products at 256 taps


def resample(wave: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resample by a Kaiser-windowed sinc.

    The filter is flat up to 0.9 of the lower Nyquist frequency, and 100 dB down above it.

    Args:
        wave: [N].
        from_rate: the sample rate of `wave`, Hz.
        to_rate: the sample rate wanted, Hz.

    Returns:
        float32 [ceil(N * to_rate / from_rate)], in step with the input; sample n stands at time
        n / to_rate.

    Raises:
        ValueError: the rates are so far apart, or have so small a common divisor, that result or
            filters would be huge; no common rates do.
    """
    if from_rate == to_rate:
        return np.asarray(wave, np.float32)
    divisor = math.gcd(from_rate, to_rate)
    up, down = to_rate // divisor, from_rate // divisor
    size = up * 2 * math.ceil(_ZERO_CROSSINGS / _ROLLOFF * max(1.0, down / up))
    if size > _MOST_COEFFICIENTS or up > _MOST_TIMES * down:
        raise ValueError(f"sample rate {from_rate} Hz: cannot be resampled to {to_rate} Hz")
    filters = _phase_filters(up, down)
    half = filters.shape[1] // 2
    padded = np.pad(np.asarray(wave, np.float32), half)
    taps = np.lib.stride_tricks.sliding_window_view(padded, filters.shape[1])
    resampled = np.empty(-(-len(wave) * up // down), np.float32)
    for start in range(0, len(resampled), _BLOCK_OUTPUTS):
        position = np.arange(start, min(start + _BLOCK_OUTPUTS, len(resampled))) * down
        # Window k holds inputs k - half to k + half - 1. The time of an output in inputs,
        # position / up, lies between the middle two of its window.
        resampled[start : start + len(position)] = np.einsum(
            "nk,nk->n", taps[position // up + 1], filters[position % up]
        )
    return resampled


def _phase_filters(up: int, down: int) -> np.ndarray:
    """The windowed sinc, float32 [up, taps], seen from each of `up` positions between two inputs.

    Each row sums to 1.
    """
    cutoff = _ROLLOFF * min(1.0, up / down)  # in parts of the input's Nyquist frequency
    half = math.ceil(_ZERO_CROSSINGS / cutoff)
    # From the output to each input sample, in input samples.
    offset = np.arange(1 - half, half + 1) - np.arange(up)[:, None] / up
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0, 1 - (offset / half) ** 2)))
    filters = np.sinc(cutoff * offset) * window
    return (filters / filters.sum(axis=1, keepdims=True)).astype(np.float32)
