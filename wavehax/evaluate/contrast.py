"""How far the harmonics of a voice stand out of what lies between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wavehax.evaluate.pitch import FRAMES
from wavehax.mel.features import hann_window

# seconds: the main lobe is 23 Hz wide to either side, and a middle is 35 Hz or more away
_WINDOW = 2048 / 24000
_PADDING = 4  # of the spectrum, with zeros
_STEADY = 0.02  # greatest relative change of F0 ...
_REACH = 2  # ... over so many frames to either side: 53 ms, where the window has most of its weight
# of F0: at the 40th harmonic half a percent is a fifth of F0
_CORRECTIONS = np.linspace(0.99, 1.01, 41)
_CORRECTED_BY = 4000.0  # Hz up to which harmonics say which correction is best
_WIDTH = 1 / 32  # of F0, to either side of a place, over which power is averaged
_LEAST_FRAMES = 8  # of fewer there is no figure


def harmonic_contrast(
    wave: np.ndarray, rate: int, f0: np.ndarray, bands: Sequence[tuple[float, float]]
) -> list[float]:
    """Level of the harmonics over that of the middle between them, in dB, for each band in Hz: near
    0 for noise.

    Of every frame with a steady F0 (it changes by less than 2 % within 53 ms), in a window of 85
    ms, and of every harmonic in the band: the mean power up to F0 / 32 to either side of k F0, over
    the geometric mean of those of (k - 1/2) F0 and (k + 1/2) F0, so that a tilt of the spectrum
    cancels. The figure is the mean of all these in dB. F0 is first corrected by up to 1 %, so that
    the harmonics below 4 kHz of this very sound are loudest; for noise that makes the bands below 4
    kHz show up to 2 dB.

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
        corrected = _corrected(spectrum, rate, frame_f0)
        for of_band, (low, high) in zip(values, bands, strict=True):
            # the middle above it has a whole width below half the rate
            highest = min(high, rate / 2 - corrected)
            harmonics = np.arange(np.ceil(low / corrected), np.floor(highest / corrected) + 1)
            if len(harmonics):
                of_band.append(
                    float(_over_middles(spectrum, rate, corrected * harmonics, corrected).mean())
                )
    return [
        float(np.mean(of_band)) if len(of_band) >= _LEAST_FRAMES else float("nan")
        for of_band in values
    ]


def _steady_frames(wave: np.ndarray, rate: int, f0: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """The summed power spectrum of each frame whose F0 is steady (bins before each bin), and that
    F0 in Hz."""
    size = round(_WINDOW * rate / 2) * 2
    frames = sliding_window_view(np.pad(wave.astype(np.float64), size // 2), size)
    contours = sliding_window_view(np.pad(f0.astype(np.float64), _REACH), 2 * _REACH + 1)
    steady = (contours.min(axis=1) > 0) & (
        contours.max(axis=1) < (1 + _STEADY) * contours.min(axis=1)
    )
    found = []
    for t in np.flatnonzero(steady):
        start = round(t * FRAMES.hop_length * rate / FRAMES.sample_rate)
        if start < len(frames):
            power = np.abs(np.fft.rfft(frames[start] * hann_window(size), _PADDING * size)) ** 2
            found.append((np.append(0, np.cumsum(power)), float(f0[t])))
    return found


def _corrected(spectrum: np.ndarray, rate: int, f0: float) -> float:
    """F0 in Hz times the correction at which its lower harmonics are loudest."""
    candidates = f0 * _CORRECTIONS[:, None]
    harmonics = np.arange(1, max(2, np.floor(_CORRECTED_BY / f0)))
    level = _level(spectrum, rate, candidates * harmonics, _WIDTH * candidates)
    return float(candidates[level.sum(axis=1).argmax(), 0])


def _over_middles(spectrum: np.ndarray, rate: int, places: np.ndarray, f0: float) -> np.ndarray:
    """Level at places in Hz over that half an F0 below and above them, in dB."""
    level, below, above = (
        _level(spectrum, rate, places + offset * f0, _WIDTH * f0) for offset in (0, -0.5, 0.5)
    )
    return level - (below + above) / 2


def _level(
    spectrum: np.ndarray, rate: int, places: np.ndarray, width: np.ndarray | float
) -> np.ndarray:
    """Mean power up to `width` Hz to either side of the places, in dB."""
    bins = 2 * (len(spectrum) - 2) / rate  # of the spectrum in 1 Hz
    power = _summed(spectrum, (places + width) * bins) - _summed(spectrum, (places - width) * bins)
    # of the sums, whose difference it can make negative; 1e-30: of silence
    rounding = 1e-12 * spectrum[-1] + 1e-30
    return 10 * np.log10(np.maximum(power, rounding) / (2 * width * bins))


def _summed(spectrum: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Power below these places in bins, each bin taken as even from half a bin below its middle to
    half a bin above."""
    whole = np.floor(places + 0.5).astype(int)
    part = places + 0.5 - whole
    return spectrum[whole] * (1 - part) + spectrum[whole + 1] * part
