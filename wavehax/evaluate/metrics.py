"""Objective scores of a synthesised waveform against the recording that it was made from.

They take the two waveforms [N], in step with each other, and the sample rate in Hz. Scores of pitch
are in pitch.py.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wavehax.config import FeatureConfig
from wavehax.errors import optional_module
from wavehax.evaluate.pitch import FRAMES
from wavehax.files.resample import resample
from wavehax.mel.features import hann_window, log_mel

_MCD_ORDER = 24  # highest mel-cepstral coefficient that counts
_WARPING = 0.466  # the all-pass coefficient that comes closest to the mel scale at 24 kHz
_STFT_FLOOR = 1e-7**0.5  # floor of magnitudes, that of Parallel WaveGAN
_MCD_RANGE_DB = 40.0  # frames further below the loudest count as silence


def pesq_wb(reference: np.ndarray, synthesised: np.ndarray, sample_rate: int) -> float:
    """Wide-band PESQ (ITU-T P.862.2) at 16 kHz, from the package `pesq`.

    Returns:
        1.0 to 4.64, higher is better.

    Raises:
        ValueError: the sound is too short, or PESQ finds no speech in it.
    """
    pesq = optional_module("pesq", "PESQ", "wavehax[eval]")
    pair = [resample(wave, sample_rate, 16000) for wave in (reference, synthesised)]
    try:
        return float(pesq.pesq(16000, *pair, "wb"))
    except pesq.PesqError as error:
        raise ValueError(f"PESQ: {error}") from error


def stoi(reference: np.ndarray, synthesised: np.ndarray, sample_rate: int) -> float:
    """Short-time objective intelligibility (Taal et al., IEEE TASLP 2011), from `pystoi`.

    Returns:
        at most 1, higher is better.
    """
    pystoi = optional_module("pystoi", "STOI", "wavehax[eval]")
    return float(pystoi.stoi(reference, synthesised, sample_rate))


def mel_l1(reference: np.ndarray, synthesised: np.ndarray, sample_rate: int) -> float:
    """Mean absolute difference of natural log-mel-spectrograms, averaged over four windows.

    The windows have 256, 512, 1024 and 2048 samples, with 32, 64, 100 and 160 Slaney bands up to
    half the sample rate. Hops are a quarter of the window, and magnitudes are floored at 1e-5. This
    is the training loss of the quickstart recipe, computed without PyTorch.
    """
    losses = []
    for n_fft, n_mels in ((256, 32), (512, 64), (1024, 100), (2048, 160)):
        features = FeatureConfig(
            "mel-l1",
            sample_rate,
            n_fft // 4,
            n_fft,
            n_mels,
            0.0,
            sample_rate / 2,
            "slaney",
            "slaney",
            "same",
            1e-5,
        )
        losses.append(np.abs(log_mel(reference, features) - log_mel(synthesised, features)).mean())
    return float(np.mean(losses))


def stft_distance(reference: np.ndarray, synthesised: np.ndarray) -> float:
    """Multi-resolution STFT loss of Parallel WaveGAN (Yamamoto et al., ICASSP 2020, section 3.1).

    It is spectral convergence plus the mean absolute difference of natural log-magnitudes, averaged
    over three resolutions, and 0 for equal sounds. The resolutions are in samples, and meant for 24
    kHz. Magnitudes are floored at the square root of 1e-7.
    """
    losses = []
    for n_fft, hop, window in ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240)):
        a, b = (_magnitude(wave, n_fft, hop, window) for wave in (reference, synthesised))
        losses.append(
            np.linalg.norm(a - b) / np.linalg.norm(a) + np.abs(np.log(a) - np.log(b)).mean()
        )
    return float(np.mean(losses))


def _magnitude(wave: np.ndarray, n_fft: int, hop: int, window: int) -> np.ndarray:
    """Magnitudes [T, n_fft // 2 + 1] of centred frames of a wave that is reflected at its ends.

    A Hann window of `window` samples stands in the middle of each frame.
    """
    padded = np.pad(wave.astype(np.float32), n_fft // 2, mode="reflect")
    taper = np.pad(hann_window(window), (n_fft - window) // 2).astype(np.float32)
    return np.maximum(
        np.abs(np.fft.rfft(sliding_window_view(padded, n_fft)[::hop] * taper)), _STFT_FLOOR
    )


def mel_cepstral_distortion(
    reference: np.ndarray, synthesised: np.ndarray, sample_rate: int, f0: np.ndarray
) -> float:
    """Mel-cepstral distortion in dB (Kubichek, PACRIM 1993).

    It compares coefficients 1 to 24 of WORLD CheapTrick envelopes, frame by frame, without warping
    in time. Both envelopes are computed with `f0` [T], that of the recording by `pitch.harvest`.
    Frames more than 40 dB below the loudest are left out.
    """
    pair = [resample(wave, sample_rate, FRAMES.sample_rate) for wave in (reference, synthesised)]
    a, b = (_mel_cepstrum(wave, f0) for wave in pair)
    level = a[:, 0] * 20 / np.log(10)
    active = level > level.max() - _MCD_RANGE_DB
    distance = np.sqrt(2 * np.sum((a[active, 1:] - b[active, 1:]) ** 2, axis=1))
    return float(10 / np.log(10) * distance.mean())


def _mel_cepstrum(wave: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """The mel-cepstrum [T, 25] of a wave at 24 kHz; coefficient 0 is the log gain."""
    pyworld = optional_module("pyworld", "mel-cepstral distortion", "wavehax[f0]")
    rate = FRAMES.sample_rate
    times = np.arange(len(f0)) * FRAMES.hop_length / rate
    power = pyworld.cheaptrick(wave.astype(np.float64), f0.astype(np.float64), times, rate)
    cepstrum = np.fft.irfft(np.log(power))  # log |H(w)| = c[0] / 2 + sum_{m > 0} c[m] cos(m w)
    cepstrum[:, 0] /= 2
    half = power.shape[1]
    return cepstrum[:, :half] @ _warping_matrix(half, _MCD_ORDER, _WARPING)


@functools.cache
def _warping_matrix(size: int, order: int, alpha: float) -> np.ndarray:
    """The matrix [size, order + 1] from cepstrum to cepstrum on a warped axis of frequency.

    An all-pass warps the axis (Oppenheim and Johnson, 1972).
    """
    warped = np.zeros((size, order + 1))
    unit = np.eye(size)
    for column in unit.T[::-1]:  # the recursion runs from the last coefficient to the first
        previous = warped.copy()
        warped[:, 0] = column + alpha * previous[:, 0]
        warped[:, 1] = (1 - alpha**2) * previous[:, 0] + alpha * previous[:, 1]
        for m in range(2, order + 1):
            warped[:, m] = previous[:, m - 1] + alpha * (previous[:, m] - warped[:, m - 1])
    return warped
