"""Prior waveforms synthesised from F0 (docs/design.md#prior), band-limited by construction.

All functions are pure: F0 in, waveform out. F0 is held over the `hop_length` samples of its frame.
The phase is accumulated in float64, in cycles, so that long utterances keep their pitch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from wavehax.config import NOISE_STD, PRIOR_RMS

_OVERSAMPLING = 8  # rate at which the sawtooth is made, over sample_rate
_LOWPASS_WIDTH = 15  # zero crossings of the sinc on each side
_LOWPASS_ROLLOFF = 0.99  # cutoff over sample_rate / 2


def make_prior(
    kind: str,
    f0: Tensor,
    hop_length: int,
    sample_rate: int,
    *,
    noise: Tensor | bool = True,
    phase: Tensor | bool = True,
    unvoiced_std: float | None = None,
) -> Tensor:
    """Synthesise a prior waveform.

    Args:
        kind: one of `wavehax.config.PRIORS`.
        f0: [B, 1, T] in Hz, 0 where unvoiced.
        hop_length: samples per frame of F0.
        sample_rate: Hz.
        noise: gaussian of unit variance, [B, 1, T * hop_length]. True draws it; False leaves it
            out.
        phase: initial phases in cycles, [B]. True draws them uniformly; False makes them 0.
        unvoiced_std: standard deviation of the noise in unvoiced frames. With None it is that of
            voiced ones.

    Returns:
        float32 [B, 1, T * hop_length].
    """
    f0 = f0.double()
    if phase is True:
        phase = torch.rand(f0.shape[0], dtype=f0.dtype, device=f0.device)
    shift = f0.new_zeros(1, 1, 1) if phase is False else phase.to(f0.dtype)[:, None, None]
    if kind == "noise":
        prior = f0.new_zeros(f0.shape[0], 1, f0.shape[-1] * hop_length).float()
    else:
        prior = _HARMONIC[kind](f0, shift, hop_length, sample_rate)
    if noise is False:
        return prior
    return prior + noise_std(kind, f0, hop_length, unvoiced_std) * (
        torch.randn_like(prior) if noise is True else noise
    )


def noise_std(kind: str, f0: Tensor, hop_length: int, unvoiced_std: float | None) -> Tensor:
    """Standard deviation of the noise at every sample, [B, 1, T * hop_length]."""
    voiced = NOISE_STD[kind]
    unvoiced = voiced if unvoiced_std is None else unvoiced_std
    std = torch.where(f0 > 0, voiced, unvoiced).to(torch.float32)
    return std.repeat_interleave(hop_length, dim=-1)


def phase_in_cycles(f0: Tensor, shift: Tensor, hop_length: int, sample_rate: int) -> Tensor:
    """Phase at every sample in cycles, wrapped to [-0.5, 0.5], [B, 1, T * hop_length].

    At sample n it is shift + sum_{m <= n} f0[m] / sample_rate, where f0[m] is F0 at sample m.
    """
    step = f0 / sample_rate  # [B, 1, T]
    advance = step * hop_length
    advance = advance - advance.floor()  # adding up whole cycles would round the fraction
    before = torch.cumsum(advance, dim=-1) - advance + shift
    samples = torch.arange(1, hop_length + 1, dtype=f0.dtype, device=f0.device)
    # [B, 1, T, hop_length]
    phase = (before - before.floor()).unsqueeze(-1) + step.unsqueeze(-1) * samples
    return (phase - phase.round()).flatten(-2)


def sine_sum(cycles: Tensor, count: Tensor) -> Tensor:
    """sum_{k=1..count} sin(2 pi k cycles) in closed form, for |cycles| <= 0.5; float64."""
    half = math.pi * cycles
    numerator = torch.sin(count * half) * torch.sin((count + 1) * half)
    return torch.where(cycles == 0, 0.0, numerator / torch.sin(half))


def weighted_sine_sum(cycles: Tensor, count: Tensor) -> Tensor:
    """sum_{k=1..count} k sin(2 pi k cycles) in closed form, for |cycles| <= 0.5; float64."""
    half = math.pi * cycles
    middle = count + 0.5
    angle = 2 * middle * half
    numerator = 0.5 * torch.sin(angle) * torch.cos(half) - middle * torch.cos(angle) * torch.sin(
        half
    )
    # Near 0 the two terms cancel. The first term of the series is then right to angle^2 / 10.
    series = 2 * half * _sum_of_squares(count)
    return torch.where(angle.abs() < 1e-3, series, numerator / (2 * torch.sin(half) ** 2))


def _sum_of_squares(count: Tensor) -> Tensor:
    return count * (count + 1) * (2 * count + 1) / 6


def _pcph(f0: Tensor, shift: Tensor, hop_length: int, sample_rate: int) -> Tensor:
    relative = f0 / (sample_rate / 2)
    count = _num_harmonics(f0, sample_rate)
    amplitude = PRIOR_RMS["pcph"] * torch.sqrt(2 * relative)  # 0 where unvoiced
    amplitude, count = (x.repeat_interleave(hop_length, dim=-1) for x in (amplitude, count))
    cycles = phase_in_cycles(f0, shift, hop_length, sample_rate)
    return (amplitude * sine_sum(cycles, count)).float()


def _pcph_linear_decay(f0: Tensor, shift: Tensor, hop_length: int, sample_rate: int) -> Tensor:
    """Harmonics k = 1, 2, ... with amplitudes proportional to 1 - k * f0 / (sample_rate / 2)."""
    relative = f0 / (sample_rate / 2)
    count = _num_harmonics(f0, sample_rate)
    power = relative**2 * _sum_of_squares(count) - relative * count * (count + 1) + 1 / relative
    # `power` is 0 only at f0 = sample_rate / 2, where the one harmonic has amplitude 0.
    amplitude = torch.where(
        (f0 > 0) & (power > 0), PRIOR_RMS["pcph_linear_decay"] * torch.sqrt(2 / power), 0.0
    )
    amplitude, count, relative = (
        x.repeat_interleave(hop_length, dim=-1) for x in (amplitude, count, relative)
    )
    cycles = phase_in_cycles(f0, shift, hop_length, sample_rate)
    return (
        amplitude * (sine_sum(cycles, count) - relative * weighted_sine_sum(cycles, count))
    ).float()


def _num_harmonics(f0: Tensor, sample_rate: int) -> Tensor:
    """Number of harmonics of `f0` up to half the sample rate; 0 where unvoiced."""
    # A tensor is divided by a tensor here. PyTorch divides a number by a tensor by multiplying with
    # its reciprocal, whose rounding may lose a harmonic exactly at half the sample rate.
    return torch.where(f0 > 0, torch.floor(torch.full_like(f0, sample_rate / 2) / f0), 0.0)


def _sine(f0: Tensor, shift: Tensor, hop_length: int, sample_rate: int) -> Tensor:
    voiced = (f0 > 0).repeat_interleave(hop_length, dim=-1)
    cycles = phase_in_cycles(f0, shift, hop_length, sample_rate)
    return torch.where(voiced, torch.sin(2 * math.pi * cycles), 0.0).float()


def _sawtooth(f0: Tensor, shift: Tensor, hop_length: int, sample_rate: int) -> Tensor:
    """2 * frac(phase) - 1, made at 8 times the sample rate, low-passed and decimated."""
    hop = hop_length * _OVERSAMPLING
    cycles = phase_in_cycles(f0, shift, hop, sample_rate * _OVERSAMPLING)
    # The wave jumps at whole cycles. If a period is a whole number of samples, a sample falls on
    # each jump, and rounding would put it on either side. The offset puts it after the jump.
    cycles = cycles + 1e-9
    wave = torch.where(
        (f0 > 0).repeat_interleave(hop, dim=-1), 2 * (cycles - cycles.floor()) - 1, 0.0
    ).float()
    kernel, before, after = decimation_filter(wave.device)
    return functional.conv1d(functional.pad(wave, (before, after)), kernel, stride=_OVERSAMPLING)


def decimation_filter(device: torch.device) -> tuple[Tensor, int, int]:
    """Hann-windowed sinc that decimates the sawtooth.

    It is the filter of torchaudio's "sinc_interp_hann" resampling with lowpass_filter_width 15 and
    rolloff 0.99.

    Returns:
        The filter [1, 1, taps], and how many input samples it sees before and after the instant of
        an output.
    """
    before = math.ceil(_LOWPASS_WIDTH * _OVERSAMPLING / _LOWPASS_ROLLOFF)
    after = before + _OVERSAMPLING - 1
    offset = torch.arange(-before, after + 1, dtype=torch.float64, device=device)
    t = (offset / _OVERSAMPLING * _LOWPASS_ROLLOFF).clamp(-_LOWPASS_WIDTH, _LOWPASS_WIDTH)
    window = torch.cos(math.pi * t / (2 * _LOWPASS_WIDTH)) ** 2
    kernel = torch.sinc(t) * window * _LOWPASS_ROLLOFF / _OVERSAMPLING
    return kernel.float().view(1, 1, -1), before, after


_HARMONIC = {
    "pcph": _pcph,
    "pcph_linear_decay": _pcph_linear_decay,
    "sine": _sine,
    "sawtooth": _sawtooth,
}
