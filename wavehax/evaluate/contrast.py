"""How far the harmonics of a voice stand out of what lies between them."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wavehax.evaluate.pitch import FRAMES
from wavehax.features import hann_window

_WINDOW = 2048 / 24000  # seconds: the main lobe is 23 Hz wide to either side, the middle between harmonics is 35 Hz off
_PADDING = 4  # of the spectrum, with zeros
_STEADY = 0.01  # greatest relative change of F0 within a window
_CORRECTIONS = np.linspace(0.99, 1.01, 21)  # of F0: at the 40th harmonic half a percent is a fifth of F0
_CORRECTED_BY = 4000.0  # Hz up to which harmonics say which correction is best
_WIDTH = 1 / 8  # of F0: how far to either side of a place its power is averaged
_LEAST_FRAMES = 8  # of fewer there is no figure


def harmonic_contrast(
    wave: np.ndarray, rate: int, f0: np.ndarray, bands: list[tuple[float, float]]
) -> list[float]:
    """Level of the harmonics over that of the middle between them, in dB, for each band in Hz: 0 for noise.

    Of every frame with a steady F0 (it changes by less than 1 % within a window of 85 ms), and of every harmonic in the
    band: the mean power up to F0 / 8 to either side of k F0, over the geometric mean of those of (k - 1/2) F0 and
    (k + 1/2) F0, so that a tilt of the spectrum cancels. The figure is the mean of all these in dB. F0 is first
    corrected by up to 1 %, so that the harmonics below 4 kHz of this very sound stand out most.

    Args:
        wave: [N].
        rate: Hz.
        f0: [T] in Hz on `pitch.FRAMES`, 0 where unvoiced.
        bands: lower and upper edges in Hz.

    Returns:
        dB of each band; nan where fewer than 8 frames have a harmonic in it.
    """
    values: list[list[float]] = [[] for _ in bands]
    for spectrum, frame_f0 in _steady_frames(wave, rate, f0):
        best = frame_f0 * max(_CORRECTIONS, key=lambda c: _standing_out(spectrum, rate, frame_f0 * c))
        for of_band, (low, high) in zip(values, bands, strict=True):
            harmonics = np.arange(np.ceil(low / best), np.floor(high / best) + 1)
            if len(harmonics) and best * (harmonics[-1] + 1) < rate / 2:
                of_band.append(_levels_over_middles(spectrum, rate, best, harmonics).mean())
    return [float(np.mean(of_band)) if len(of_band) >= _LEAST_FRAMES else float("nan") for of_band in values]


def _steady_frames(wave: np.ndarray, rate: int, f0: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """The cumulative power spectrum of each frame whose F0 is steady, and that F0 in Hz."""
    size = round(_WINDOW * rate / 2) * 2
    padded = sliding_window_view(np.pad(wave.astype(np.float64), size // 2), size)
    reach = int(np.ceil(_WINDOW / 2 * FRAMES.sample_rate / FRAMES.hop_length))
    contours = sliding_window_view(np.pad(f0.astype(np.float64), reach), 2 * reach + 1)
    steady = (contours.min(axis=1) > 0) & (contours.max(axis=1) < (1 + _STEADY) * contours.min(axis=1))
    found = []
    for t in np.flatnonzero(steady):
        start = round(t * FRAMES.hop_length * rate / FRAMES.sample_rate)
        if start < len(padded):
            power = np.abs(np.fft.rfft(padded[start] * hann_window(size), _PADDING * size)) ** 2
            found.append((np.append(0, np.cumsum(power)), float(f0[t])))
    return found


def _standing_out(spectrum: np.ndarray, rate: int, f0: float) -> float:
    harmonics = np.arange(1, max(2, np.floor(_CORRECTED_BY / f0)))
    return float(_levels_over_middles(spectrum, rate, f0, harmonics).sum())


def _levels_over_middles(spectrum: np.ndarray, rate: int, f0: float, harmonics: np.ndarray) -> np.ndarray:
    """dB of each harmonic over the middles beside it."""
    level, below, above = (_level(spectrum, rate, f0, harmonics + offset) for offset in (0, -0.5, 0.5))
    return level - (below + above) / 2


def _level(spectrum: np.ndarray, rate: int, f0: float, multiples: np.ndarray) -> np.ndarray:
    """Mean power around these multiples of F0, in dB."""
    bins = 2 * (len(spectrum) - 2) / rate * f0  # of the spectrum in one F0
    places = np.arange(len(spectrum)) - 0.5  # edges of the bins, at which the sums hold
    below, above = (np.interp((multiples + side * _WIDTH) * bins, places, spectrum) for side in (-1, 1))
    return 10 * np.log10((above - below) / (2 * _WIDTH * bins) + 1e-12)
