"""The prior as operators in float64; nn/prior.py explains the formulas (docs/design.md#prior)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wavehax.config import NOISE_STD, PRIOR_RMS, GeneratorConfig
from wavehax.export.graph import Tensor
from wavehax.export.lags import SAWTOOTH_OVERSAMPLING, SAWTOOTH_REACH
from wavehax.export.timeline import Reach, Timeline


def noise_std(config: GeneratorConfig) -> tuple[float, float]:
    """Standard deviation of a prior's noise in voiced and in unvoiced frames."""
    voiced = NOISE_STD[config.prior]
    return voiced, PRIOR_RMS[config.prior] if config.output == "excitation" else voiced


def prior(time: Timeline, f0: Tensor, noise: Tensor) -> Tensor:
    """Samples [B, 1, N] of `f0` [B, T] in Hz, 0 where unvoiced, and gaussian `noise` [B, N]."""
    config = time.config
    voiced = (f0 > 0).unsqueeze(2)
    noise = time.keep(noise, (-1,), 0, config.hop_length).reshape(0, -1, config.hop_length)
    noise = (noise * voiced.where(*noise_std(config))).reshape(0, 1, -1)
    if config.prior == "noise":
        return noise
    oversampling = SAWTOOTH_OVERSAMPLING if config.prior == "sawtooth" else 1
    f0 = f0.cast(np.float64).unsqueeze(2)
    step = f0 / (config.sample_rate * oversampling)
    cycles = _cycles(time, step, config.hop_length * oversampling)
    frames = _Frames(
        f0 / (config.sample_rate / 2), voiced, _num_harmonics(f0, voiced, config.sample_rate)
    )
    harmonics = _HARMONIC[config.prior](frames, cycles).cast(np.float32).reshape(0, 1, -1)
    if config.prior == "sawtooth":
        harmonics = _decimated(time, harmonics)
        noise = time.window(noise, "noise", (1, -1), Reach(0, 0, time.lags.prior))
    return harmonics + noise


@dataclass
class _Frames:
    """What the harmonics of a frame depend on, [B, T, 1]."""

    relative: Tensor  # F0 over half the sample rate, float64
    voiced: Tensor  # bool
    count: Tensor  # of harmonics, float64; 0 where unvoiced


def _cycles(time: Timeline, step: Tensor, hop: int) -> Tensor:
    """Phase of every sample in cycles, -0.5 to 0.5: [B, T, hop], from the cycles a sample, [B, T,
    1]."""
    advance = _fraction(step * hop)  # whole cycles would cost the sum its digits
    start = time.initial_phase()
    before = _fraction(advance.op("CumSum", np.int64(1), exclusive=1) + start.unsqueeze(1, 2))
    time.set_phase(_fraction(before.slice(1, -1) + advance.slice(1, -1)).reshape(-1))
    phase = before + step * np.arange(1, hop + 1, dtype=np.float64)
    return phase - phase.op("Round")


def _fraction(x: Tensor) -> Tensor:
    return x - x.op("Floor")


def _num_harmonics(f0: Tensor, voiced: Tensor, sample_rate: int) -> Tensor:
    return voiced.where((np.float64(sample_rate / 2) / f0).op("Floor"), 0)


def _pcph(frames: _Frames, cycles: Tensor) -> Tensor:
    return (frames.relative * 2).op("Sqrt") * PRIOR_RMS["pcph"] * sine_sum(cycles, frames.count)


def _pcph_linear_decay(frames: _Frames, cycles: Tensor) -> Tensor:
    """Harmonic k has amplitude proportional to 1 - k * relative."""
    relative, count = frames.relative, frames.count
    power = (
        relative * relative * _sum_of_squares(count) - relative * count * (count + 1) + 1 / relative
    )
    # power is 0 at f0 = sample_rate / 2 alone, where the one harmonic has amplitude 0.
    heard = frames.voiced.op("And", power > 0)
    amplitude = heard.where((2 / power).op("Sqrt") * PRIOR_RMS["pcph_linear_decay"], 0)
    return amplitude * (sine_sum(cycles, count) - relative * weighted_sine_sum(cycles, count))


def sine_sum(cycles: Tensor, count: Tensor) -> Tensor:
    """sum_{k=1..count} sin(2 pi k cycles)."""
    half = cycles * math.pi
    numerator = (count * half).op("Sin") * ((count + 1) * half).op("Sin")
    return cycles.op("Equal", 0).where(0, numerator / half.op("Sin"))


def weighted_sine_sum(cycles: Tensor, count: Tensor) -> Tensor:
    """sum_{k=1..count} k sin(2 pi k cycles)."""
    half = cycles * math.pi
    sine, middle = half.op("Sin"), count + 0.5
    angle = middle * 2 * half
    numerator = angle.op("Sin") * 0.5 * half.op("Cos") - middle * angle.op("Cos") * sine
    # Towards 0 the two terms cancel; the first term of the series is then right to angle^2 / 10.
    series = half * 2 * _sum_of_squares(count)
    return (angle.op("Abs") < 1e-3).where(series, numerator / (sine * sine * 2))


def _sum_of_squares(count: Tensor) -> Tensor:
    return count * (count + 1) * (count * 2 + 1) / 6


def _sine(frames: _Frames, cycles: Tensor) -> Tensor:
    return frames.voiced.where((cycles * (2 * math.pi)).op("Sin"), 0)


def _sawtooth(frames: _Frames, cycles: Tensor) -> Tensor:
    """2 * frac(phase) - 1, at 8 times the sample rate."""
    # A period of a whole number of samples ends exactly on the jump: the shift keeps rounding from
    # choosing its side.
    return frames.voiced.where(_fraction(cycles + 1e-9) * 2 - 1, 0)


def _decimated(time: Timeline, wave: Tensor) -> Tensor:
    """Every 8th sample of [B, 1, 8 * N], low-passed."""
    # the last output is the first sample of its step
    after = SAWTOOTH_REACH - (SAWTOOTH_OVERSAMPLING - 1)
    wait = time.lags.prior * SAWTOOTH_OVERSAMPLING
    wave = time.window(wave, "sawtooth", (1, -1), Reach(SAWTOOTH_REACH, after, wait))
    wave = wave.op("Conv", decimation_filter()[None, None], strides=[SAWTOOTH_OVERSAMPLING])
    return time.keep(wave, (1, -1), time.lags.prior, time.config.hop_length)


def decimation_filter() -> np.ndarray:
    """Windowed sinc of 15 zero crossings a side, at 0.99 of half the sample rate: float32
    [taps]."""
    t = 0.99 * np.arange(-SAWTOOTH_REACH, SAWTOOTH_REACH + 1) / SAWTOOTH_OVERSAMPLING
    window = np.cos(math.pi * t / 30) ** 2
    return (np.sinc(t) * window * 0.99 / SAWTOOTH_OVERSAMPLING).astype(np.float32)


_HARMONIC: dict[str, Callable[[_Frames, Tensor], Tensor]] = {
    "pcph": _pcph,
    "pcph_linear_decay": _pcph_linear_decay,
    "sine": _sine,
    "sawtooth": _sawtooth,
}
