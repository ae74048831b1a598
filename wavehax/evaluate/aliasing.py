"""How much of a vocoder's output lies off the harmonic series of its F0, as aliasing and any other artefact would.

The output is measured for three priors: harmonics and noise, harmonics alone, and noise alone. What the last gives off
the series is also subtracted from the first; but a model that adds noise where it hears no harmonics gives more of it
then, and nothing is left, so that the output for harmonics alone says most. Nothing but F0 moves, so that nothing but
the vocoder can modulate the sound. The mels are

- `neutral`: of the prior's harmonics, falling by 6 dB an octave above 500 Hz: mel and F0 agree;
- `mean`: the mean mel of the training data, held. It has no harmonics, and asks for noise where these lie far apart;
- frames of recordings, held. Below 2 kHz these hold the harmonics of another F0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from wavehax.audio import resample
from wavehax.errors import optional_module
from wavehax.features import log_mel
from wavehax.vocoder import Vocoder

MelOf = Callable[[np.ndarray], np.ndarray]
"""F0 [T] in Hz to mel [n_mels, T]."""

LOWEST, OCTAVES = 65.406, 5  # Hz; from C2 to C7
TONES = LOWEST * 2 ** (np.arange(0, 12 * OCTAVES + 1, 2) / 12)
"""Steady tones, in whole tones, Hz."""

_WINDOW_SECONDS = 1.0
_EDGE_SECONDS = 0.3  # left out at both ends: the models look back 0.5 s at most, with falling weight
_TILT_HZ = 500.0
_NOISE = 0.01  # standard deviation of the prior's noise where voiced (DESIGN 2.1)
_KAISER_BETA = 20.0  # side lobes below -150 dB: those of a harmonic must not count as off it
_HALF_WIDTH = 6.5  # bins of that window's main lobe on either side: sqrt(1 + (beta / pi)^2)
_GLIDE_SECONDS = 2.0  # an octave
_GLIDE_WINDOW = 0.4  # seconds: 0.2 octaves
_OVERSAMPLING = 16  # before cubic interpolation: its error at 10 kHz is then below -100 dB
_MARGIN = 256  # samples around what is resampled: more than the filter's reach


@dataclass(frozen=True)
class Curve:
    """Energy off the harmonic series over energy on it, in dB, against F0; -inf where there is none."""

    mel: str  # which mel was given
    movement: str  # "tones" or "glide"
    f0: list[float]  # Hz
    prior: list[float]  # the prior's harmonics
    output: list[float]  # the output for harmonics and noise
    less_noise: list[float]  # the same, the energy off the series that the noise alone gives being subtracted
    without_noise: list[float]  # the output for harmonics alone
    noise: list[float]  # the output for noise alone, over the harmonics of `output`


def curves(voc: Vocoder, mel: MelOf, name: str) -> list[Curve]:
    """Measure tones and a glide under one kind of mel.

    Args:
        voc: a model with the prior `pcph`.
        mel: gives the mel [n_mels, T] for F0 [T].
        name: of that mel.

    Raises:
        ValueError: another prior.
    """
    if voc.config.prior != "pcph":
        raise ValueError(f"prior {voc.config.prior!r}: expected a model with the prior 'pcph'")
    tones = [_levels(outputs(voc, mel, steady(voc, f0)), f0, voc.sample_rate) for f0 in TONES]
    return [_curve(name, "tones", TONES, tones), _curve(name, "glide", *glide_levels(voc, mel))]


def neutral_mel(voc: Vocoder) -> MelOf:
    """The mel of a voice without formants that has the F0 asked for."""

    def of(f0: np.ndarray) -> np.ndarray:
        prior = voc.prior(f0)
        frequency = np.fft.rfftfreq(len(prior), 1 / voc.sample_rate)
        wave = np.fft.irfft(np.fft.rfft(prior) / (1 + 1j * frequency / _TILT_HZ), len(prior))
        return log_mel(_in_step(wave, voc, len(f0)), voc.features)[:, : len(f0)]

    return of


def held_mel(frame: np.ndarray) -> MelOf:
    """One frame [n_mels], whatever the F0."""
    return lambda f0: np.repeat(frame[:, None].astype(np.float32), len(f0), axis=1)


def steady(voc: Vocoder, f0: float) -> np.ndarray:
    """F0 [T] of a tone just long enough to be measured."""
    seconds = _WINDOW_SECONDS + 2 * _EDGE_SECONDS
    return np.full(int(np.ceil(seconds * voc.sample_rate / voc.hop_length)), f0, np.float32)


def glide(voc: Vocoder) -> np.ndarray:
    """F0 [T] of the glide from C2 to C7."""
    frames = int(OCTAVES * _GLIDE_SECONDS * voc.sample_rate / voc.hop_length)
    return (LOWEST * 2 ** np.linspace(0, OCTAVES, frames)).astype(np.float32)


def outputs(voc: Vocoder, mel: MelOf, f0: np.ndarray) -> tuple[np.ndarray, ...]:
    """The prior's harmonics, and the outputs for harmonics and noise, for harmonics, and for noise: [T * hop] each."""
    frames = mel(f0)
    harmonics = voc.prior(f0)
    noise = np.random.default_rng(0).normal(0, _NOISE, len(harmonics)).astype(np.float32)
    return _in_step(harmonics, voc, len(f0)), *(
        voc(frames, f0, prior=prior) for prior in (harmonics + noise, harmonics, noise)
    )


def _in_step(prior: np.ndarray, voc: Vocoder, frames: int) -> np.ndarray:
    """The samples of a prior that stand where those of the output do: a centred one begins half a hop earlier."""
    start = (len(prior) - frames * voc.hop_length) // 2
    return prior[start : start + frames * voc.hop_length]


def split_energy(wave: np.ndarray, f0: float, sample_rate: float) -> tuple[float, float]:
    """Energy on and off the multiples of `f0` in one window as long as the wave.

    Args:
        wave: [N], periodic with `f0` as far as it is clean.
        f0: Hz.
        sample_rate: Hz.

    Raises:
        ValueError: the window is too short to tell the harmonics apart.
    """
    width = _HALF_WIDTH * sample_rate / len(wave)
    if 4 * width > f0:
        raise ValueError(f"{len(wave)} samples: expected at least {4 * _HALF_WIDTH * sample_rate / f0:.0f} for {f0} Hz")
    energy = np.abs(np.fft.rfft(wave * np.kaiser(len(wave), _KAISER_BETA))) ** 2
    frequency = np.fft.rfftfreq(len(wave), 1 / sample_rate)
    harmonic = np.maximum(1, np.round(frequency / f0))
    on = np.abs(frequency - harmonic * f0) <= width
    return float(energy[on].sum()), float(energy[~on].sum())


def _levels(waves: tuple[np.ndarray, ...], f0: float, rate: int) -> tuple[float, ...]:
    edge = round(_EDGE_SECONDS * rate)
    window = round(_WINDOW_SECONDS * rate)
    return _ratios(*(split_energy(wave[edge : edge + window].astype(np.float64), f0, rate) for wave in waves))


def _ratios(prior: tuple, output: tuple, without_noise: tuple, noise: tuple) -> tuple[float, ...]:
    """The five numbers of `Curve` for one F0, from (on, off) of each waveform."""
    return (
        _decibels(prior[1], prior[0]),
        _decibels(output[1], output[0]),
        _decibels(output[1] - noise[1], output[0]),
        _decibels(without_noise[1], without_noise[0]),
        _decibels(noise[1], output[0]),
    )


def _decibels(off: float, on: float) -> float:
    return float(10 * np.log10(off / on)) if off > 0 else float("-inf")


def glide_levels(voc: Vocoder, mel: MelOf) -> tuple[np.ndarray, list[tuple[float, ...]]]:
    """F0 at the middle of each window of the glide, and its levels.

    Time is warped so that the phase of F0 runs evenly, which makes the glide a tone of one cycle a unit.
    """
    f0 = glide(voc)
    waves = outputs(voc, mel, f0)
    rate = voc.sample_rate
    hops = len(voc.prior(f0)) // voc.hop_length  # a centred prior holds the last frame for one more
    held = _in_step(np.repeat(np.append(f0, f0[-1])[:hops].astype(np.float64), voc.hop_length), voc, len(f0))
    phase = np.cumsum(held) / rate  # cycles
    middles = np.arange(_EDGE_SECONDS, len(phase) / rate - _EDGE_SECONDS, _GLIDE_WINDOW)[1:-1]
    levels = []
    for middle in middles:
        span = slice(*(round((middle + side * _GLIDE_WINDOW / 2) * rate) for side in (-1, 1)))
        parts = [_warped(wave, phase, span) for wave in waves]
        levels.append(_ratios(*(split_energy(part, 1.0, per_cycle) for part, per_cycle in parts)))
    return np.interp(middles * rate, np.arange(len(held)), held), levels


def _warped(wave: np.ndarray, phase: np.ndarray, span: slice) -> tuple[np.ndarray, float]:
    """Samples of `span` at even steps of phase, and how many there are a cycle."""
    interpolate = optional_module("scipy.interpolate", "a glide", "wavehax[eval]")
    count = 2 * (span.stop - span.start)  # twice as dense: what is moved up in frequency must not fold back
    even = np.linspace(phase[span.start], phase[span.stop], count, endpoint=False)
    position = np.interp(even, phase[span.start : span.stop + 1], np.arange(span.start, span.stop + 1))
    around = wave[span.start - _MARGIN : span.stop + _MARGIN]
    dense = resample(around, 1, _OVERSAMPLING)
    cubic = interpolate.CubicSpline(np.arange(len(dense)), dense.astype(np.float64))
    warped = cubic((position - span.start + _MARGIN) * _OVERSAMPLING)
    return warped, count / (phase[span.stop] - phase[span.start])


def _curve(mel: str, movement: str, f0: Sequence[float], levels: Sequence[tuple[float, ...]]) -> Curve:
    columns = [[float(value) for value in column] for column in zip(*levels, strict=True)]
    return Curve(mel, movement, [float(hz) for hz in f0], *columns)


def table(found: Sequence[Curve]) -> str:
    """The highest value of every curve, in two ranges of F0, as text."""
    shown = [field.name for field in fields(Curve)[3:]]
    lines = [f"{'dB off the harmonic series, highest':<44}" + "".join(f"{name:>15}" for name in shown)]
    for curve in found:
        for low, high in ((0, 500), (500, 2100)):
            rows = [i for i, hz in enumerate(curve.f0) if low < hz <= high]
            values = "".join(f"{max(getattr(curve, name)[i] for i in rows):>15.1f}" for name in shown)
            lines.append(f"{f'{curve.mel}, {curve.movement}, F0 {low}-{high} Hz':<44}{values}")
    return "\n".join(lines)
