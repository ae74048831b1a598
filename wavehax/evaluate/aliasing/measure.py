"""How much of a vocoder's output lies off the harmonic series of its F0, as aliasing and any other
artefact would.

A model whose prior is `pcph` is measured for three priors: harmonics and noise, harmonics alone,
and noise alone. What the last gives off the series is also subtracted from the first; but a model
that adds noise where it hears no harmonics gives more of it then, and nothing is left, so that the
output for harmonics alone says most. Nothing but F0 moves, so that nothing but the vocoder can
modulate the sound. The mels are those of `mels`.

Vocoders without a harmonic prior learn F0 from the mel alone. A mel of a tone says where its
harmonics are to the width of a band, not to the hertz, and its frames are all but alike: whatever
repeats with the frames, at multiples of sample_rate / hop_length, lies off the series too. Where
the prior is mere noise it cannot be left out, and what two draws of it have in common is what the
noise does not explain. Without any noise nothing is subtracted. So that a wrong pitch does not pass
for aliasing, tones are also measured against whichever F0 nearby the output comes closest to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wavehax.config import NOISE_STD
from wavehax.errors import optional_module
from wavehax.evaluate.aliasing.mels import MelOf
from wavehax.evaluate.aliasing.subjects import Subject, Synthesiser, in_step
from wavehax.files.sound import resample

LOWEST, OCTAVES = 65.406, 5  # Hz; from C2 to C7
TONES = LOWEST * 2 ** (np.arange(0, 12 * OCTAVES + 1, 2) / 12)
"""Steady tones, in whole tones, Hz."""

_WINDOW_SECONDS = 1.0
# left out at both ends: the models look back 0.5 s at most, with falling weight
_EDGE_SECONDS = 0.3
_NOISE = NOISE_STD["pcph"]  # of the prior where voiced (docs/design.md#prior)
_KAISER_BETA = 20.0  # side lobes below -150 dB: those of a harmonic must not count as off it
_HALF_WIDTH = 6.5  # bins of that window's main lobe on either side: sqrt(1 + (beta / pi)^2)
_RETUNED_SEMITONES = 2
_GLIDE_SECONDS = 2.0  # an octave
_GLIDE_WINDOW = 0.4  # seconds: 0.2 octaves
_OVERSAMPLING = 16  # before cubic interpolation: its error at 10 kHz is then below -100 dB
_MARGIN = 256  # samples around what is resampled: more than the filter's reach


@dataclass(frozen=True)
class Curve:
    """Energy off the harmonic series over energy on it, in dB, against F0; -inf where there is
    none.

    Of a model without a harmonic prior only `output` and `less_noise` are there, and of one without
    noise `without_noise`; the rest is NaN.
    """

    mel: str  # which mel was given
    movement: str  # "tones" or "glide"
    f0: list[float]  # Hz
    prior: list[float]  # the prior's harmonics
    output: list[float]  # the output for harmonics and noise
    less_noise: list[
        float
    ]  # the same, the energy off the series that the noise explains being subtracted
    without_noise: list[float]  # the output for harmonics alone
    noise: list[float]  # the output for noise alone, over the harmonics of `output`
    retuned: list[
        float
    ]  # of tones, `output` against the F0 within two semitones for which that is least
    stripes: list[
        float
    ]  # of tones, off the series: power at the multiples of the frame rate over that elsewhere


def curves(subject: Subject, mel: MelOf, name: str) -> list[Curve]:
    """Measure tones and a glide under one kind of mel.

    Args:
        subject: what is measured.
        mel: gives the mel [n_mels, T] for F0 [T].
        name: of that mel.
    """
    voc = subject.voc
    tones = [_levels(outputs(subject, mel, steady(voc, f0)), f0, voc) for f0 in TONES]
    return [_curve(name, "tones", TONES, tones), _curve(name, "glide", *glide_levels(subject, mel))]


def steady(voc: Synthesiser, f0: float) -> np.ndarray:
    """F0 [T] of a tone just long enough to be measured."""
    seconds = _WINDOW_SECONDS + 2 * _EDGE_SECONDS
    return np.full(int(np.ceil(seconds * voc.sample_rate / voc.hop_length)), f0, np.float32)


def glide(voc: Synthesiser) -> np.ndarray:
    """F0 [T] of the glide from C2 to C7."""
    frames = int(OCTAVES * _GLIDE_SECONDS * voc.sample_rate / voc.hop_length)
    return (LOWEST * 2 ** np.linspace(0, OCTAVES, frames)).astype(np.float32)


class Waves(NamedTuple):
    """[T * hop_length] each; None where a model has no such thing."""

    output: np.ndarray  # for whatever the model's prior is
    prior: np.ndarray | None = None  # its harmonics
    without_noise: np.ndarray | None = None  # the output for those alone
    noise: np.ndarray | None = None  # the output for noise alone
    again: np.ndarray | None = None  # `output` for another draw of a prior of mere noise


def outputs(subject: Subject, mel: MelOf, f0: np.ndarray) -> Waves:
    """What a model makes of a mel and F0 [T], for every prior that tells something."""
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
    """Energy on and off the multiples of `f0` in one window as long as the wave.

    Args:
        wave: [N], periodic with `f0` as far as it is clean.
        f0: Hz.
        sample_rate: Hz.
        other: [N]; the energy is then that which both have in common, and may come out below 0
            where there is none.

    Raises:
        ValueError: the window is too short to tell the harmonics apart.
    """
    energy, on = _energy(wave, f0, sample_rate, other)
    return float(energy[on].sum()), float(energy[~on].sum())


def _energy(
    wave: np.ndarray, f0: float, sample_rate: float, other: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Energy of the bins of `split_energy`, and which of them hold the multiples of `f0`."""
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
    """The least energy off over energy on the multiples of any F0 within two semitones of `f0`, in
    dB.

    Arguments and errors as `split_energy`, for the lowest of these F0.
    """
    energy, _ = _energy(wave, f0 / 2 ** (_RETUNED_SEMITONES / 12), sample_rate)
    below = np.concatenate(([0], np.cumsum(energy)))  # energy of all bins before each
    bins_per_hz = len(wave) / sample_rate
    # moves the highest harmonic by half its width
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
    """Mean power at the multiples of sample_rate / hop_length over that elsewhere, off the
    multiples of `f0`, in dB.

    Arguments as `split_energy`. NaN where no such multiple lies off those of `f0`.
    """
    energy, on = _energy(wave, f0, sample_rate)
    fixed = _near_multiples(len(wave), sample_rate / hop_length, sample_rate) & ~on
    elsewhere = energy[~fixed & ~on]
    return _decibels(energy[fixed].mean(), elsewhere.mean()) if fixed.any() else float("nan")


def _levels(waves: Waves, f0: float, voc: Synthesiser) -> tuple[float, ...]:
    """The numbers of `Curve` for one tone."""
    rate, start = voc.sample_rate, round(_EDGE_SECONDS * voc.sample_rate)
    span = slice(start, start + round(_WINDOW_SECONDS * rate))
    parts = Waves(*(None if wave is None else wave[span].astype(np.float64) for wave in waves))
    steady_part = parts.output if parts.without_noise is None else parts.without_noise
    return (
        *_ratios(parts, f0, rate),
        retuned(parts.output, f0, rate),
        stripes(steady_part, f0, rate, voc.hop_length),
    )


def _ratios(waves: Waves, f0: float, rate: float) -> tuple[float, ...]:
    """The first five numbers of `Curve` for one F0."""
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
    """F0 at the middle of each window of the glide, and the numbers of `Curve`.

    Time is warped so that the phase of F0 runs evenly, which makes the glide a tone of one cycle a
    unit; what is of tones alone is NaN.
    """
    voc = subject.voc
    f0 = glide(voc)
    waves = outputs(subject, mel, f0)
    rate = voc.sample_rate
    hops = len(voc.prior(f0)) // voc.hop_length  # a centred prior holds the last frame for one more
    held = in_step(
        np.repeat(np.append(f0, f0[-1])[:hops].astype(np.float64), voc.hop_length), voc, len(f0)
    )
    phase = np.cumsum(held) / rate  # cycles
    middles = np.arange(_EDGE_SECONDS, len(phase) / rate - _EDGE_SECONDS, _GLIDE_WINDOW)[1:-1]
    levels = []
    for middle in middles:
        span = slice(*(round((middle + side * _GLIDE_WINDOW / 2) * rate) for side in (-1, 1)))
        parts = Waves(*(None if wave is None else _warped(wave, phase, span) for wave in waves))
        per_cycle = len(parts.output) / (phase[span.stop] - phase[span.start])
        levels.append((*_ratios(parts, 1.0, per_cycle), float("nan"), float("nan")))
    return np.interp(middles * rate, np.arange(len(held)), held), levels


def _warped(wave: np.ndarray, phase: np.ndarray, span: slice) -> np.ndarray:
    """Samples of `span` at even steps of phase."""
    interpolate = optional_module("scipy.interpolate", "a glide", "wavehax[eval]")
    # twice as dense: what is moved up in frequency must not fold back
    count = 2 * (span.stop - span.start)
    even = np.linspace(phase[span.start], phase[span.stop], count, endpoint=False)
    position = np.interp(
        even, phase[span.start : span.stop + 1], np.arange(span.start, span.stop + 1)
    )
    around = wave[span.start - _MARGIN : span.stop + _MARGIN]
    dense = resample(around, 1, _OVERSAMPLING)
    cubic = interpolate.CubicSpline(np.arange(len(dense)), dense.astype(np.float64))
    return cubic((position - span.start + _MARGIN) * _OVERSAMPLING)


def _curve(
    mel: str, movement: str, f0: Sequence[float], levels: Sequence[tuple[float, ...]]
) -> Curve:
    columns = [[float(value) for value in column] for column in zip(*levels, strict=True)]
    return Curve(mel, movement, [float(hz) for hz in f0], *columns)
