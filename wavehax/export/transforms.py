"""STFT, its inverse and filter banks as convolutions. Twin of nn/stft.py and nn/filter_bank.py."""

from __future__ import annotations

import numpy as np

from wavehax.config import FILTER_TAPS, GeneratorConfig
from wavehax.export.graph import Tensor
from wavehax.export.timeline import Reach, Timeline

_HALF = FILTER_TAPS // 2


def stft(time: Timeline, waves: Tensor) -> Tensor:
    """Waves [B, S, M] to spectra [B, S * 2F, T].

    Each stream has its F real parts, then its F imaginary ones.
    """
    config, lags, margin = time.config, time.lags, _margin(time.config)
    wait = lags.spectrum * config.stream_hop - lags.streams
    waves = time.window(waves, "stft", (config.num_streams, -1), Reach(margin, margin, wait))
    weight = np.tile(analysis_weight(config.n_fft), (config.num_streams, 1, 1))
    return waves.op("Conv", weight, strides=[config.stream_hop], group=config.num_streams)


def inverse_stft(time: Timeline, spectra: Tensor) -> Tensor:
    """Spectra as `stft` gives them to waves [B, S, M].

    Waves are divided by the sum of the squared windows of the frames that exist. In a stream, the
    earlier frames that a window reaches back to are transformed once more.
    """
    config, hop, margin = time.config, time.config.stream_hop, _margin(time.config)
    history = -(-config.n_fft // hop) - 1 if time.streaming else 0
    spectra = time.window(
        spectra, "istft", (2 * config.num_streams * config.num_bins, -1), Reach(history, 0)
    )
    frames = time.mask(time.lags.network, history=history).unsqueeze(1)
    weight = np.tile(_synthesis_weight(config.n_fft), (config.num_streams, 1, 1))
    squares = (_hann(config.n_fft) ** 2).astype(np.float32)[None, None]
    waves = spectra.op("ConvTranspose", weight, strides=[hop], group=config.num_streams)
    envelope = frames.op("ConvTranspose", squares, strides=[hop])
    first, last = (history * hop, -2 * margin) if time.streaming else (margin, -margin)
    waves = waves.slice(2, first, last) / envelope.slice(2, first, last)
    return time.keep(waves, (config.num_streams, -1), time.lags.waves, hop)


def analyse(time: Timeline, wave: Tensor, weight: np.ndarray) -> Tensor:
    """Splits a wave [B, 1, N] into streams [B, S, N / S]; weight [S, 1, taps]."""
    config, lags, streams = time.config, time.lags, time.config.num_streams
    before, after = (0, streams - 1) if config.stream_filter == "dwt" else (_HALF, _HALF)
    after -= streams - 1  # output n is sample S * n, so that S - 1 samples of the last need none
    reach = Reach(before, after, lags.streams * streams - lags.prior, _reflects(config))

    def filtered(x: Tensor, name: str, taps: np.ndarray) -> Tensor:
        return time.window(x, name, (1, -1), reach).op("Conv", taps, strides=[streams])

    x = filtered(wave, "analysis", weight)
    if config.stream_filter == "pqmf":  # an output is 0 where a tap lies outside the utterance
        samples = time.mask(lags.prior, config.hop_length).unsqueeze(1)
        covered = filtered(samples, "analysis_mask", np.ones((1, 1, FILTER_TAPS), np.float32))
        x = (covered > FILTER_TAPS - 0.5).where(x, 0)
    return time.keep(x, (streams, -1), lags.streams, config.stream_hop)


def synthesise(time: Timeline, waves: Tensor, weight: np.ndarray) -> Tensor:
    """Joins streams [B, S, N / S] to a wave [B, 1, N]; weight [1, S, taps]."""
    config, streams = time.config, time.config.num_streams
    if config.stream_filter == "dwt":
        return waves.op("ConvTranspose", weight.transpose(1, 0, 2), strides=[streams])
    # Puts S - 1 zeros after every sample; the factor S keeps the level in the pass band.
    spread = np.zeros(streams, np.float32)
    spread[0] = streams
    waves = (waves.unsqueeze(3) * spread).reshape(0, streams, -1)
    reach = Reach(_HALF, _HALF, time.lags.wave - time.lags.waves * streams, _reflects(config))
    return time.window(waves, "synthesis", (streams, -1), reach).op("Conv", weight)


def window_energy(n_fft: int) -> float:
    """The sum of the squared window."""
    return float((_hann(n_fft) ** 2).sum())


def _reflects(config: GeneratorConfig) -> bool:
    return config.stream_filter == "learned" and config.time_padding == "reflect"


def _margin(config: GeneratorConfig) -> int:
    return (config.n_fft - config.stream_hop) // 2


def _hann(n_fft: int) -> np.ndarray:
    """The periodic Hann window, float64 [n_fft]."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)


def _sinusoids(n_fft: int) -> np.ndarray:
    """Cosines and negative sines of every bin, [2F, n_fft]; the sines of 0 and pi are exactly 0."""
    turns = np.outer(np.arange(n_fft // 2 + 1), np.arange(n_fft)) % n_fft * (2 * np.pi / n_fft)
    sines = np.sin(turns)
    sines[[0, -1]] = 0
    return np.concatenate([np.cos(turns), -sines])


def analysis_weight(n_fft: int) -> np.ndarray:
    """The weight [2F, 1, n_fft] of the STFT as a convolution."""
    return (_sinusoids(n_fft) * _hann(n_fft)).astype(np.float32)[:, None]


def _synthesis_weight(n_fft: int) -> np.ndarray:
    """The weight [2F, 1, n_fft] of the inverse.

    Every bin but the first and the last counts twice, for its mirror image too.
    """
    level = np.full(n_fft // 2 + 1, 2 / n_fft)
    level[[0, -1]] = 1 / n_fft
    return (np.tile(level, 2)[:, None] * _sinusoids(n_fft) * _hann(n_fft)).astype(np.float32)[
        :, None
    ]
