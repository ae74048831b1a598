"""Objective scores of a synthesised waveform against the recording it was made from.

All take the two waveforms [N], in step with each other, and the sample rate in Hz.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from wavehax.audio import resample
from wavehax.config import FEATURES, FeatureConfig
from wavehax.errors import optional_module
from wavehax.features import f0_from_audio, log_mel

_FRAMES = FEATURES["vocos-24k"]  # F0 is compared on its hop
_MCD_ORDER = 24
_WARPING = 0.466  # all-pass coefficient closest to the mel scale at 24 kHz
_MCD_RANGE_DB = 40.0  # frames further below the loudest count as silence


def pesq_wb(reference: np.ndarray, synthesised: np.ndarray, sample_rate: int) -> float:
    """Wide-band PESQ, ITU-T P.862.2, at 16 kHz: 1.0 to 4.64, higher is better. By the package `pesq`.

    Raises:
        ValueError: too short, or no speech is found.
    """
    pesq = optional_module("pesq", "PESQ", "wavehax[eval]")
    pair = [resample(wave, sample_rate, 16000) for wave in (reference, synthesised)]
    try:
        return float(pesq.pesq(16000, *pair, "wb"))
    except pesq.PesqError as error:
        raise ValueError(f"PESQ: {error}") from error


def stoi(reference: np.ndarray, synthesised: np.ndarray, sample_rate: int) -> float:
    """Short-time objective intelligibility (Taal et al., IEEE TASLP 2011), at most 1, higher is better; by `pystoi`."""
    pystoi = optional_module("pystoi", "STOI", "wavehax[eval]")
    return float(pystoi.stoi(reference, synthesised, sample_rate))


def mel_l1(reference: np.ndarray, synthesised: np.ndarray, sample_rate: int) -> float:
    """Mean absolute difference of natural log-mel-spectrograms, the mean over windows of 256, 512, 1024, 2048 samples.

    Slaney bands up to half the sample rate (32, 64, 100, 160 of them), hops of a quarter window, magnitudes floored at
    1e-5: the quickstart recipe's training loss, computed here without PyTorch.
    """
    losses = []
    for n_fft, n_mels in ((256, 32), (512, 64), (1024, 100), (2048, 160)):
        features = FeatureConfig(
            "mel-l1", sample_rate, n_fft // 4, n_fft, n_mels, 0.0, sample_rate / 2, "slaney", "slaney", "same", 1e-5
        )
        losses.append(np.abs(log_mel(reference, features) - log_mel(synthesised, features)).mean())
    return float(np.mean(losses))


@dataclass(frozen=True)
class F0Scores:
    """How well the synthesised voice keeps the recording's pitch."""

    rmse_cents: float  # over frames voiced in both, gross errors left out; nan where there is none
    gross_pitch_error: float  # share of frames voiced in both that are off by more than 20 %; nan where there is none
    voicing_error: float  # share of all frames that are voiced in one and not in the other


def f0_scores(reference_f0: np.ndarray, synthesised_f0: np.ndarray) -> F0Scores:
    """Scores of two F0 contours [T] in Hz, 0 where unvoiced (definitions: Chu and Alwan, ICASSP 2009)."""
    voiced, voiced_too = reference_f0 > 0, synthesised_f0 > 0
    both = voiced & voiced_too
    ratio = synthesised_f0[both] / reference_f0[both]
    gross = np.abs(ratio - 1) > 0.2
    cents = 1200 * np.log2(ratio[~gross])
    return F0Scores(
        rmse_cents=float(np.sqrt(np.mean(cents**2))) if cents.size else float("nan"),
        gross_pitch_error=float(gross.mean()) if gross.size else float("nan"),
        voicing_error=float((voiced != voiced_too).mean()),
    )


def harvest(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """F0 [T] in Hz by WORLD Harvest, 70-500 Hz, every 256/24000 s."""
    return f0_from_audio(resample(wave, sample_rate, _FRAMES.sample_rate), _FRAMES)


def mel_cepstral_distortion(reference: np.ndarray, synthesised: np.ndarray, sample_rate: int, f0: np.ndarray) -> float:
    """Mel-cepstral distortion in dB (Kubichek, PACRIM 1993): coefficients 1 to 24 of WORLD CheapTrick envelopes.

    Both are analysed with `f0`, the recording's by `harvest`, and compared frame by frame without warping in time;
    frames more than 40 dB below the loudest are left out.
    """
    pair = [resample(wave, sample_rate, _FRAMES.sample_rate) for wave in (reference, synthesised)]
    a, b = (_mel_cepstrum(wave, f0) for wave in pair)
    level = a[:, 0] * 20 / np.log(10)
    active = level > level.max() - _MCD_RANGE_DB
    distance = np.sqrt(2 * np.sum((a[active, 1:] - b[active, 1:]) ** 2, axis=1))
    return float(10 / np.log(10) * distance.mean())


def _mel_cepstrum(wave: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """[T, 25] at 24 kHz; coefficient 0 is the log gain."""
    pyworld = optional_module("pyworld", "mel-cepstral distortion", "wavehax[f0]")
    rate = _FRAMES.sample_rate
    times = np.arange(len(f0)) * _FRAMES.hop_length / rate
    power = pyworld.cheaptrick(wave.astype(np.float64), f0.astype(np.float64), times, rate)
    cepstrum = np.fft.irfft(np.log(power))  # log |H(w)| = c[0] / 2 + sum_{m > 0} c[m] cos(m w)
    cepstrum[:, 0] /= 2
    half = power.shape[1]
    return cepstrum[:, :half] @ _warping_matrix(half, _MCD_ORDER, _WARPING)


@functools.cache
def _warping_matrix(size: int, order: int, alpha: float) -> np.ndarray:
    """[size, order + 1]: cepstrum to cepstrum on an axis warped by an all-pass (Oppenheim and Johnson, 1972)."""
    warped = np.zeros((size, order + 1))
    unit = np.eye(size)
    for column in unit.T[::-1]:  # the recursion runs from the last coefficient to the first
        previous = warped.copy()
        warped[:, 0] = column + alpha * previous[:, 0]
        warped[:, 1] = (1 - alpha**2) * previous[:, 0] + alpha * previous[:, 1]
        for m in range(2, order + 1):
            warped[:, m] = previous[:, m - 1] + alpha * (previous[:, m] - warped[:, m - 1])
    return warped
