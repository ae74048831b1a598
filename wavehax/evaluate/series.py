"""Measures the energy that a voice has off the harmonic series of its F0, frame by frame.

Voices move, unlike the tones of `aliasing.measure`. So each frame is played with its time warped,
to make F0 constant within it.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wavehax.evaluate.pitch import FRAMES

BAND = (60.0, 11500.0)
"""Hz; energy outside of it does not count."""

_WINDOW = 0.1  # seconds
_KAISER_BETA = 7.2  # side lobes are below -50 dB, so that those of a harmonic do not count
_LOBE = 2.5  # half the width of the main lobe, in parts of 1 / _WINDOW: sqrt(1 + (beta / pi)^2)
_DEGREE = 4  # of the polynomial in time for F0 within a window: vibrato of 5 to 7 Hz needs it
_REACH = 5  # frames to either side of a frame that lie within its window
_STEADY = 1.15  # the highest F0 of a window over its lowest, at most
# Factors of F0 that are tried. A step moves a harmonic at 11.5 kHz by 6 Hz.
_CORRECTIONS = np.linspace(0.985, 1.015, 61)
_PADDING = 4  # length of a window padded with zeros, in windows
# Samples for one before linear interpolation, whose error at 10 kHz is then below -49 dB.
_OVERSAMPLING = 16
_WARPED = 1.3  # samples of a warped window over those before, so that nothing folds back


def steady_frames(f0: np.ndarray) -> np.ndarray:
    """The frames that `off_series` can judge, bool [T].

    F0 is above 0 throughout their window, and changes by less than 15 % within it.

    Args:
        f0: [T] in Hz on `pitch.FRAMES`, 0 where unvoiced.
    """
    contours = sliding_window_view(np.pad(f0.astype(np.float64), _REACH), 2 * _REACH + 1)
    low, high = contours.min(axis=1), contours.max(axis=1)
    return (low > 0) & (high < _STEADY * low)


def off_series(wave: np.ndarray, rate: int, f0: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Energy off the multiples of F0 over the energy on them, in dB, of some frames.

    A frame has a window of 0.1 s. F0 within it is smoothed by a polynomial, and time is warped so
    that it becomes constant. What lies up to 25 Hz from a multiple of F0 is on it. F0 is first
    corrected by up to 1.5 %, to where most energy is on its multiples, so that a wrong pitch does
    not count. The figure is that of the band from 60 Hz to 11.5 kHz.

    Args:
        wave: the sound, [N].
        rate: its sample rate, Hz.
        f0: [T] in Hz on `pitch.FRAMES`, 0 where unvoiced.
        frames: bool [T], true for those to judge; all must be `steady_frames`.

    Returns:
        dB [T]; nan for other frames, for those whose window goes beyond an end of the sound, and
        for silence.
    """
    dense = _oversampled(wave)
    levels = np.full(len(f0), np.nan)
    for t in np.flatnonzero(frames):
        middle = t * FRAMES.hop_length / FRAMES.sample_rate
        if _WINDOW / 2 <= middle <= len(wave) / rate - _WINDOW / 2:
            contour = f0[t - _REACH : t + _REACH + 1].astype(np.float64)
            levels[t] = _level(dense, rate, middle, contour)
    return levels


def _oversampled(wave: np.ndarray) -> np.ndarray:
    """The wave [N * _OVERSAMPLING], interpolated by a Fourier transform of the whole."""
    count = len(wave) * _OVERSAMPLING
    return np.fft.irfft(np.fft.rfft(wave.astype(np.float64)), count) * _OVERSAMPLING


def _level(dense: np.ndarray, rate: int, middle: float, contour: np.ndarray) -> float:
    """The figure of `off_series` for the window around `middle` seconds."""
    warped, cycles = _warped(dense, rate, middle, contour)
    windowed = warped * np.kaiser(len(warped), _KAISER_BETA)
    power = np.abs(np.fft.rfft(windowed, _PADDING * len(warped))) ** 2
    below = np.append(0, np.cumsum(power))  # power of all bins before each
    f0 = cycles / _WINDOW  # the mean F0, in Hz
    bins = _PADDING * _WINDOW  # bins of a hertz
    low, high = (bins * hz for hz in (BAND[0], min(BAND[1], 0.48 * rate)))
    harmonics = np.arange(1, np.floor(high / bins / f0) + 1)
    places = bins * f0 * _CORRECTIONS[:, None] * harmonics
    edges = (np.clip(places + side * _PADDING * _LOBE, low, high) for side in (1, -1))
    upper, lower = (_summed(below, edge) for edge in edges)
    on = float((upper - lower).sum(axis=1).max())
    total = float(_summed(below, np.array(high)) - _summed(below, np.array(low)))
    if on <= 0:
        return float("nan")
    return float(10 * np.log10(max(total - on, 1e-12 * total) / on))


def _warped(
    dense: np.ndarray, rate: int, middle: float, contour: np.ndarray
) -> tuple[np.ndarray, float]:
    """The window around `middle` at even steps of the phase of F0, and the cycles in it."""
    seconds = np.arange(-_REACH, _REACH + 1) * FRAMES.hop_length / FRAMES.sample_rate
    phase = np.polynomial.Polynomial.fit(seconds, contour, _DEGREE).integ()
    time = np.linspace(-_WINDOW / 2, _WINDOW / 2, round(_WINDOW * rate))
    cycles = phase(time)
    even = np.linspace(cycles[0], cycles[-1], round(_WARPED * len(time)), endpoint=False)
    position = (middle + np.interp(even, cycles, time)) * rate * _OVERSAMPLING
    first = int(position[0])
    around = dense[first : int(position[-1]) + 2]
    return np.interp(position - first, np.arange(len(around)), around), cycles[-1] - cycles[0]


def _summed(below: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Power below `places`, in bins; a bin reaches half a bin to either side of its middle."""
    return np.interp(places + 0.5, np.arange(len(below)), below)
