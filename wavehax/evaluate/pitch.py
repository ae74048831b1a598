"""Scores pitch and voicing of a synthesised waveform against the recording it was made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wavehax.config import FEATURES, FeatureConfig
from wavehax.files.resample import resample
from wavehax.mel.features import F0_MAX, F0_MIN, f0_from_audio, frame_count, hann_window
from wavehax.mel.pitch import METHODS

FRAMES = FEATURES["vocos-24k"]
"""The frames on which contours are compared: every 256 samples at 24 kHz."""

GROSS = 0.2  # relative deviation above which an F0 value is a gross error
# Samples: three periods of 70 Hz at 24 kHz, which Boersma (1993) needs for a period to show.
_WINDOW = 1024
_PERIODIC_HZ = (500, 70)  # highest and lowest pitch whose periodicity is looked for
# Values of the autocorrelation for each sample. With 4, half a step is 1/192 ms, which costs the
# 10th harmonic of 500 Hz 0.01 of its height.
_OVERSAMPLING = 4


@dataclass(frozen=True)
class F0Scores:
    """How well a synthesised voice keeps the pitch asked for.

    A score is nan where there is no frame to judge it by.
    """

    rmse_cents: float  # over frames voiced in both, gross errors left out
    median_cents: float  # median of the absolute deviation, over the same frames
    gross_pitch_error: float  # share of frames voiced in both that are off by more than 20 %
    voicing_error: float  # share of all frames that are voiced in one and not in the other
    voicing_f1: float  # harmonic mean of precision and recall of the voiced frames


def f0_scores(reference_f0: np.ndarray, synthesised_f0: np.ndarray) -> F0Scores:
    """Compare two F0 contours [T] in Hz, 0 where unvoiced (as Chu and Alwan, ICASSP 2009)."""
    voiced, voiced_too = reference_f0 > 0, synthesised_f0 > 0
    both = voiced & voiced_too
    ratio = synthesised_f0[both] / reference_f0[both]
    gross = np.abs(ratio - 1) > GROSS
    cents = 1200 * np.abs(np.log2(ratio[~gross]))
    frames_voiced = voiced.sum() + voiced_too.sum()
    return F0Scores(
        rmse_cents=float(np.sqrt(np.mean(cents**2))) if cents.size else float("nan"),
        median_cents=float(np.median(cents)) if cents.size else float("nan"),
        gross_pitch_error=float(gross.mean()) if gross.size else float("nan"),
        voicing_error=float((voiced != voiced_too).mean()),
        voicing_f1=float(2 * both.sum() / frames_voiced) if frames_voiced else float("nan"),
    )


def harvest(
    wave: np.ndarray,
    sample_rate: int,
    f0_range: tuple[float, float] = (F0_MIN, F0_MAX),
    method: str = METHODS[0],
) -> np.ndarray:
    """F0 [T] in Hz by WORLD Harvest on `FRAMES`, as `f0_in_range`."""
    return f0_in_range(resample(wave, sample_rate, FRAMES.sample_rate), FRAMES, f0_range, method)


def f0_in_range(
    wave: np.ndarray,
    features: FeatureConfig,
    f0_range: tuple[float, float],
    method: str = METHODS[0],
) -> np.ndarray:
    """F0 [T] in Hz by WORLD Harvest, searched for in `f0_range` in Hz.

    `method` is one of `wavehax.mel.pitch.RECORDING_METHODS`. A range that ends at 0 means that the
    sound is unvoiced throughout.
    """
    if f0_range[1] == 0:
        return np.zeros(frame_count(len(wave), features), np.float32)
    return f0_from_audio(wave, features, *f0_range, method)


def periodicity_error(reference: np.ndarray, synthesised: np.ndarray, sample_rate: int) -> float:
    """RMS difference of periodicity, 0 to 1, over frames where the recording is not silent.

    The idea is that of CARGAN (Morrison et al., ICLR 2022), which takes the periodicity of a neural
    pitch tracker. Here it is the height of the highest peak of the normalised autocorrelation
    (Boersma, IFA Proceedings 17, 1993). Frames more than 40 dB below the loudest are silent; the
    result is nan where all are.
    """
    pair = [resample(wave, sample_rate, FRAMES.sample_rate) for wave in (reference, synthesised)]
    (a, level), (b, _) = (_periodicity(wave) for wave in pair)
    active = level > level.max() * 1e-4
    return float(np.sqrt(np.mean((a - b)[active] ** 2))) if active.any() else float("nan")


def _periodicity(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The periodicity for periods of 70 to 500 Hz and the windowed power, [T] each on `FRAMES`."""
    window = hann_window(_WINDOW)
    padded = np.pad(wave.astype(np.float64), _WINDOW // 2)
    frames = sliding_window_view(padded, _WINDOW)[:: FRAMES.hop_length][
        : frame_count(len(wave), FRAMES)
    ]
    of_window = _autocorrelation(window[None])
    lags = slice(*(round(_OVERSAMPLING * FRAMES.sample_rate / f0) for f0 in _PERIODIC_HZ))
    periodicity, power = np.zeros(len(frames)), np.zeros(len(frames))
    for t, frame in enumerate(frames):
        correlation = _autocorrelation(((frame - frame.mean()) * window)[None])
        power[t] = correlation[0, 0]
        if power[t] > 0:
            normalised = (correlation / correlation[:, :1]) / (of_window / of_window[:, :1])
            periodicity[t] = np.clip(normalised[0, lags].max(), 0, 1)
    return periodicity, power


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    """The autocorrelation [T, N * _OVERSAMPLING] of frames [T, N], for lags 0, 1/4, 1/2, ..."""
    power = np.abs(np.fft.rfft(frames, 2 * frames.shape[1])) ** 2
    return np.fft.irfft(power, 2 * _OVERSAMPLING * frames.shape[1])[
        :, : _OVERSAMPLING * frames.shape[1]
    ]
