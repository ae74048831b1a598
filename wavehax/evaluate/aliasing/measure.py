"""Measures how much of a vocoder's output lies off the harmonic series of its F0.

Aliasing lies there, and most other artefacts. Only F0 moves, so that nothing but the vocoder can
modulate the sound. The mels are those of mels.py.

A model whose prior is `pcph` is measured with three priors: harmonics and noise, harmonics alone,
and noise alone. Energy that the noise alone puts off the series is subtracted from that of the
first output. However, a model that adds noise where it hears no harmonics adds more for noise
alone, and then nothing is left. The output for harmonics alone therefore tells most.

Vocoders without a harmonic prior learn F0 from the mel alone. The mel of a tone gives the places of
its harmonics to the width of a band, not to the hertz. Its frames are almost equal, so that sound
which repeats with the frames, at multiples of sample_rate / hop_length, lies off the series too.
Where the prior is mere noise, it cannot be left out. The energy that the outputs for two draws of
it have in common is then the energy that the noise does not explain. Without any noise nothing is
subtracted. A wrong pitch must not pass for aliasing, so tones are also measured against the F0
nearby that the output fits best.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wavehax.config import NOISE_STD
from wavehax.errors import optional_module
from wavehax.evaluate.aliasing.mels import MelOf
from wavehax.evaluate.aliasing.subjects import Subject, Synthesiser, in_step
from wavehax.files.resample import resample

LOWEST, OCTAVES = 65.406, 5  # Hz of the lowest tone, and octaves up: C2 to C7
TONES = LOWEST * 2 ** (np.arange(0, 12 * OCTAVES + 1, 2) / 12)
"""Frequencies of the steady tones in Hz, a whole tone (two semitones) apart."""

_WINDOW_SECONDS = 1.0
# Left out at both ends of a tone: the models look back 0.5 s at most, with falling weight.
_EDGE_SECONDS = 0.3
_NOISE = NOISE_STD["pcph"]  # noise of the prior where voiced (docs/design.md#prior)
# Side lobes are below -150 dB, so that those of a harmonic do not count as energy off it.
_KAISER_BETA = 20.0
_HALF_WIDTH = 6.5  # bins on either side of the window's main lobe: sqrt(1 + (beta / pi)^2)
_RETUNED_SEMITONES = 2
_GLIDE_SECONDS = 2.0  # for an octave
_GLIDE_WINDOW = 0.4  # seconds, in which the glide rises by 0.2 octaves
# Samples for one before cubic interpolation, whose error at 10 kHz is then below -100 dB.
_OVERSAMPLING = 16
_MARGIN = 256  # samples on either side of a piece that is resampled: beyond the filter's reach


@dataclass(frozen=True)
class Curve:
    """Energy off the harmonic series over energy on it, in dB, against F0; -inf where none is off.

    A list has NaN where a model has no such output: a model without a harmonic prior has only
    `output` and `less_noise`, and one without noise also `without_noise`.
    """

    mel: str  # which mel was given
    movement: str  # "tones" or "glide"
    f0: list[float]  # Hz
    prior: list[float]  # the prior's harmonics
    output: list[float]  # the output for harmonics and noise
    less_noise: list[float]  # the same, less the energy that the noise explains
    without_noise: list[float]  # the output for harmonics alone
    noise: list[float]  # the output for noise alone, over the harmonics of `output`
    # For tones: `output` against the F0 within two semitones for which it is least.
    retuned: list[float]
    # For tones, off the series: power at multiples of the frame rate over that elsewhere.
    stripes: list[float]


def curves(subject: Subject, mel: MelOf, name: str) -> list[Curve]:
    """Measure tones and a glide under one kind of mel.

    Args:
        subject: the model.
        mel: gives the mel [n_mels, T] for F0 [T] in Hz.
        name: name of that mel.
    """
    voc = subject.voc
    tones = [_levels(outputs(subject, mel, steady(voc, f0)), f0, voc) for f0 in TONES]
    middles, levels = glide_levels(subject, mel)
    return [_curve(name, "tones", TONES, tones), _curve(name, "glide", middles, levels)]


def steady(voc: Synthesiser, f0: float) -> np.ndarray:
    """F0 [T] in Hz of a tone just long enough to be measured."""
    seconds = _WINDOW_SECONDS + 2 * _EDGE_SECONDS
    return np.full(int(np.ceil(seconds * voc.sample_rate / voc.hop_length)), f0, np.float32)


def glide(voc: Synthesiser) -> np.ndarray:
    """F0 [T] in Hz of the glide from C2 to C7."""
    frames = int(OCTAVES * _GLIDE_SECONDS * voc.sample_rate / voc.hop_length)
    return (LOWEST * 2 ** np.linspace(0, OCTAVES, frames)).astype(np.float32)


class Waves(NamedTuple):
    """The waves of a model, [T * hop_length] each; None where a model has no such wave."""

    output: np.ndarray  # the output for the model's own prior
    prior: np.ndarray | None = None  # the prior's harmonics
    without_noise: np.ndarray | None = None  # the output for harmonics alone
    noise: np.ndarray | None = None  # the output for noise alone
    again: np.ndarray | None = None  # the output for another draw of a prior of mere noise


def outputs(subject: Subject, mel: MelOf, f0: np.ndarray) -> Waves:
    """Run a model on one F0 contour with each of the priors that apply to it.

    Args:
        subject: the model.
        mel: makes the mel from F0.
        f0: [T], Hz.

    Returns:
        the waves, None where the model cannot make them.
    """
    voc, frames, harmonics = subject.voc, mel(f0), subject.voc.prior(f0)
    draws = np.random.default_rng(0).standard_normal((2, len(harmonics))).astype(np.float32)
    if subject.prior == "pcph":
        noise = np.float32(_NOISE) * draws[0]
        made = (voc(frames, f0, prior=prior) for prior in (harmonics + noise, harmonics, noise))
        output, without_noise, noise_alone = made
        return Waves(output, in_step(harmonics, voc, len(f0)), without_noise, noise_alone)
    if subject.prior == "noise":
        output, again = (voc(frames, f0, prior=noise) for noise in draws)
        return Waves(output, again=again)
    output = voc(frames, f0, prior=harmonics)
    return Waves(output, without_noise=output)


def split_energy(
    wave: np.ndarray, f0: float, sample_rate: float, other: np.ndarray | None = None
) -> tuple[float, float]:
    """Energy on and off the multiples of `f0`, in one window as long as the wave.

    Args:
        wave: [N], periodic with `f0` if it is clean.
        f0: Hz.
        sample_rate: Hz.
        other: [N]. If it is given, the energy is that which both have in common, and may be below 0
            where they have none.

    Raises:
        ValueError: the window is too short to tell the harmonics apart.
    """
    energy, on = _energy(wave, f0, sample_rate, other)
    return float(energy[on].sum()), float(energy[~on].sum())


def _energy(
    wave: np.ndarray, f0: float, sample_rate: float, other: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Energy of each bin for `split_energy`, and a mask of those that hold multiples of `f0`."""
    width = _HALF_WIDTH * sample_rate / len(wave)
    if 4 * width > f0:
        raise ValueError(
            f"{len(wave)} samples: expected at least {4 * _HALF_WIDTH * sample_rate / f0:.0f} for"
            f" {f0} Hz"
        )
    window = np.kaiser(len(wave), _KAISER_BETA)
    spectrum = np.fft.rfft(wave * window)
    conjugate = np.conj(spectrum if other is None else np.fft.rfft(other * window))
    return (spectrum * conjugate).real, _near_multiples(len(wave), f0, sample_rate)


def _near_multiples(length: int, f0: float, sample_rate: float) -> np.ndarray:
    frequency = np.fft.rfftfreq(length, 1 / sample_rate)
    harmonic = np.maximum(1, np.round(frequency / f0))
    return np.abs(frequency - harmonic * f0) <= _HALF_WIDTH * sample_rate / length


def retuned(wave: np.ndarray, f0: float, sample_rate: int) -> float:
    """Energy off over energy on the multiples of the F0 that fits best, in dB.

    That is the F0 within two semitones of `f0` for which the result is least. Arguments and errors
    are those of `split_energy` for the lowest of these.
    """
    energy, _ = _energy(wave, f0 / 2 ** (_RETUNED_SEMITONES / 12), sample_rate)
    below = np.concatenate(([0], np.cumsum(energy)))  # energy of all bins before each
    bins_per_hz = len(wave) / sample_rate
    # Hz between the F0 that are tried. A step moves the highest harmonic by half its width.
    step = _HALF_WIDTH / bins_per_hz / (sample_rate / 2 / f0)
    best = 0.0
    for hz in np.arange(
        f0 / 2 ** (_RETUNED_SEMITONES / 12), f0 * 2 ** (_RETUNED_SEMITONES / 12), step
    ):
        centres = np.arange(hz, sample_rate / 2, hz) * bins_per_hz
        first, last = np.ceil(centres - _HALF_WIDTH), np.floor(centres + _HALF_WIDTH) + 1
        last = np.minimum(last, len(energy))
        best = max(best, float((below[last.astype(int)] - below[first.astype(int)]).sum()))
    return _decibels(float(below[-1]) - best, best)


def stripes(wave: np.ndarray, f0: float, sample_rate: int, hop_length: int) -> float:
    """Mean power at multiples of the frame rate over that elsewhere, off those of `f0`, in dB.

    Arguments are those of `split_energy`; the frame rate is sample_rate / hop_length. The result is
    NaN where all multiples of the frame rate lie on those of `f0`.
    """
    energy, on = _energy(wave, f0, sample_rate)
    fixed = _near_multiples(len(wave), sample_rate / hop_length, sample_rate) & ~on
    elsewhere = energy[~fixed & ~on]
    return _decibels(energy[fixed].mean(), elsewhere.mean()) if fixed.any() else float("nan")


def _of_each(waves: Waves, part: Callable[[np.ndarray], np.ndarray]) -> Waves:
    """`part` of each wave that a model has."""
    others = (None if wave is None else part(wave) for wave in waves[1:])
    return Waves(part(waves.output), *others)


def _levels(waves: Waves, f0: float, voc: Synthesiser) -> tuple[float, ...]:
    """The values of `Curve` for one tone."""
    rate, start = voc.sample_rate, round(_EDGE_SECONDS * voc.sample_rate)
    span = slice(start, start + round(_WINDOW_SECONDS * rate))
    parts = _of_each(waves, lambda wave: wave[span].astype(np.float64))
    steady_part = parts.output if parts.without_noise is None else parts.without_noise
    return (
        *_ratios(parts, f0, rate),
        retuned(parts.output, f0, rate),
        stripes(steady_part, f0, rate, voc.hop_length),
    )


def _ratios(waves: Waves, f0: float, rate: float) -> tuple[float, ...]:
    """The first five values of `Curve` for one F0."""
    energy = {
        name: split_energy(wave, f0, rate)
        for name, wave in waves._asdict().items()
        if wave is not None
    }
    on, off = energy["output"]
    nothing = (float("nan"), float("nan"))
    explained = energy["noise"][1] if "noise" in energy else 0.0
    if waves.again is not None:
        explained = off - split_energy(waves.output, f0, rate, waves.again)[1]
    return (
        _decibels(*energy.get("prior", nothing)[::-1]),
        _decibels(off, on),
        _decibels(off - explained, on),
        _decibels(*energy.get("without_noise", nothing)[::-1]),
        _decibels(energy.get("noise", nothing)[1], on),
    )


def _decibels(off: float, on: float) -> float:
    return float("-inf") if off <= 0 else float(10 * np.log10(off / on))


def glide_levels(subject: Subject, mel: MelOf) -> tuple[np.ndarray, list[tuple[float, ...]]]:
    """F0 in Hz at the middle of each window of the glide, and the values of `Curve` there.

    Time is warped so that the phase of F0 runs evenly. The glide is then a tone of one cycle in a
    unit of time. Values that only tones have are NaN.
    """
    voc = subject.voc
    f0 = glide(voc)
    waves = outputs(subject, mel, f0)
    rate = voc.sample_rate
    hops = len(voc.prior(f0)) // voc.hop_length  # a centred prior has one more, of the last frame
    held = in_step(
        np.repeat(np.append(f0, f0[-1])[:hops].astype(np.float64), voc.hop_length), voc, len(f0)
    )
    phase = np.cumsum(held) / rate  # cycles
    middles = np.arange(_EDGE_SECONDS, len(phase) / rate - _EDGE_SECONDS, _GLIDE_WINDOW)[1:-1]
    levels = []
    for middle in middles:
        span = slice(*(round((middle + side * _GLIDE_WINDOW / 2) * rate) for side in (-1, 1)))
        parts = _of_each(waves, functools.partial(_warped, phase=phase, span=span))
        per_cycle = len(parts.output) / (phase[span.stop] - phase[span.start])
        levels.append((*_ratios(parts, 1.0, per_cycle), float("nan"), float("nan")))
    return np.interp(middles * rate, np.arange(len(held)), held), levels


def _warped(wave: np.ndarray, phase: np.ndarray, span: slice) -> np.ndarray:
    """The part `span` of a wave, sampled at even steps of phase."""
    interpolate = optional_module("scipy.interpolate", "a glide", "wavehax[eval]")
    # The warped signal has twice as many samples, so that components whose frequency rises by the
    # warping do not alias.
    count = 2 * (span.stop - span.start)
    even = np.linspace(phase[span.start], phase[span.stop], count, endpoint=False)
    position = np.interp(
        even, phase[span.start : span.stop + 1], np.arange(span.start, span.stop + 1)
    )
    around = wave[span.start - _MARGIN : span.stop + _MARGIN]
    dense = resample(around, 1, _OVERSAMPLING)
    cubic = interpolate.CubicSpline(np.arange(len(dense)), dense.astype(np.float64))
    return cubic((position - span.start + _MARGIN) * _OVERSAMPLING)


def _curve(mel: str, movement: str, f0: np.ndarray, levels: Sequence[tuple[float, ...]]) -> Curve:
    columns = [[float(value) for value in column] for column in zip(*levels, strict=True)]
    return Curve(mel, movement, [float(hz) for hz in f0], *columns)
