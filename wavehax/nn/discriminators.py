"""The discriminators of adversarial training (docs/design.md#discriminators).

There are three kinds: multi-period (HiFi-GAN), multi-resolution on linear magnitudes (UnivNet), and
our own on log magnitudes.

Parameter names are those of the authors' code, so that their checkpoints load. What the papers
leave open follows the authors' outputs. LeakyReLU 0.1 comes after every convolution except the last
one of a discriminator. A feature map is what comes out of a LeakyReLU, except that of the first 1x1
convolution in a spectral discriminator.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from wavehax.nn.stft import log_magnitude

SLOPE = 0.1  # slope of LeakyReLU below 0
PERIOD_STRIDES = (3, 3, 3, 3, 1)
SPECTRAL_KERNELS = ((7, 5), (5, 3), (5, 3), (3, 3), (3, 3), (3, 3))  # (bins, frames)
SPECTRAL_STRIDES = ((2, 2), (2, 1), (2, 2), (2, 1), (2, 2), (1, 1))
LOG_KERNELS = ((7, 5), (5, 3), (5, 3), (3, 3), (3, 3))  # (bins, frames)
LOG_STRIDES = ((2, 1), (2, 1), (2, 2), (2, 1), (1, 1))
LOG_WIDTHS = (1, 1, 2, 2, 2)  # channels of each layer divided by log_channels
LOG_SLOPE, LOG_OFFSET = 0.3, 1.5  # bring log magnitudes of speech to about -1 to 1.5
LOG_RESOLUTIONS = ((2048, 512), (1024, 256), (512, 128), (256, 64), (128, 32))

Judgement = tuple[list[Tensor], list[list[Tensor]]]
"""Outputs and feature maps, one entry for each sub-discriminator."""


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The shape of a `Discriminator`.

    There are presets. `univnet` is the official shape, `light` a narrow copy for small budgets,
    `spectral` the resolutions of `light` without its periods. `log` looks at log magnitudes: a
    generator trained with spectral losses has its faults in quiet places, which they show.
    `log_light` joins `log` and the periods of `light`.
    """

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)  # samples
    period_channels: int = 32  # first convolution; every next one has four times that number
    max_period_channels: int = 1024  # at which that growth stops
    resolutions: tuple[tuple[int, int], ...] = ((1024, 256), (2048, 512), (512, 128))
    """(n_fft, hop) in samples, of linear magnitudes."""
    spectral_channels: int = 32
    log_resolutions: tuple[tuple[int, int], ...] = ()
    """(n_fft, hop) in samples, of log magnitudes."""
    log_channels: int = 16  # first two convolutions; the others have twice that number
    log_lowest: float = 0.0  # cycles per sample; bins of log magnitudes below are not seen

    PRESETS: ClassVar[tuple[str, ...]] = ("univnet", "light", "spectral", "log", "log_light")

    def __post_init__(self) -> None:
        for name in ("period_channels", "max_period_channels", "spectral_channels", "log_channels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not 0 <= self.log_lowest < 0.5:
            raise ValueError(f"log_lowest is {self.log_lowest}; expected 0 or more, below 0.5")
        if not self.periods and not self.resolutions and not self.log_resolutions:
            raise ValueError(
                "periods, resolutions and log_resolutions are all empty; expected at least one"
                " sub-discriminator"
            )
        for i, period in enumerate(self.periods):
            if period < 1:
                raise ValueError(f"periods[{i}] is {period}; expected at least 1")
        for name in ("resolutions", "log_resolutions"):
            for i, (n_fft, hop_length) in enumerate(getattr(self, name)):
                if not 1 <= hop_length <= n_fft:
                    raise ValueError(
                        f"{name}[{i}] is {(n_fft, hop_length)}; expected n_fft >= hop_length >= 1"
                    )

    @classmethod
    def preset(cls, name: str) -> DiscriminatorConfig:
        """The shape by name; ValueError for another name.

        Millions of parameters: `univnet` 41.4, `light` 2.3, `spectral` 0.07, `log` 0.16,
        `log_light` 2.3.
        """
        light = cls(period_channels=16, max_period_channels=192, spectral_channels=16)
        if name == "univnet":
            return cls()
        if name == "light":
            return light
        if name == "spectral":
            return cls(periods=(), spectral_channels=16)
        if name == "log":
            return cls(periods=(), resolutions=(), log_resolutions=LOG_RESOLUTIONS)
        if name == "log_light":
            return replace(light, resolutions=(), log_resolutions=LOG_RESOLUTIONS)
        raise ValueError(f"discriminator is {name!r}; expected one of {', '.join(cls.PRESETS)}")

    @property
    def min_samples(self) -> int:
        """Samples of the shortest waveform that can be judged.

        Reflection reaches n_fft / 2 samples into it for linear magnitudes, a period minus one for
        periods. A window of log magnitudes lies inside.
        """
        reflected = [n_fft // 2 + 1 for n_fft, _ in self.resolutions]
        inside = [n_fft for n_fft, _ in self.log_resolutions]
        return max([*reflected, *inside, *self.periods])

    @property
    def names(self) -> list[str]:
        """Names of the sub-discriminators in order, such as `period_2`, `stft_1024`, `log_512`."""
        spectral = [f"stft_{n_fft}" for n_fft, _ in self.resolutions]
        log = [f"log_{n_fft}" for n_fft, _ in self.log_resolutions]
        return [*(f"period_{period}" for period in self.periods), *spectral, *log]


class Discriminator(nn.Module):
    """All sub-discriminators: periods, then linear magnitudes, then log magnitudes."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.mpd = _Group(
            PeriodDiscriminator(period, config.period_channels, config.max_period_channels)
            for period in config.periods
        )
        self.mrd = _Group(
            SpectralDiscriminator(n_fft, hop_length, config.spectral_channels)
            for n_fft, hop_length in config.resolutions
        )
        self.mlrd = _Group(
            LogSpectralDiscriminator(n_fft, hop_length, config.log_channels, config.log_lowest)
            for n_fft, hop_length in config.log_resolutions
        )

    def forward(self, wave: Tensor) -> Judgement:
        """Judge waveforms [B, 1, N], N >= config.min_samples, each independently of the others.

        An output is [B, L] for a period and [B, 1, bins, frames] for a resolution. There are 5
        feature maps [B, C, frames, period] for a period, 6 [B, C, bins, frames] for a resolution of
        linear magnitudes and 5 for one of log magnitudes.

        Raises:
            ValueError: `wave` has another shape.
        """
        if wave.ndim != 3 or wave.shape[1] != 1 or wave.shape[2] < self.config.min_samples:
            raise ValueError(
                f"wave has shape {list(wave.shape)}; expected [B, 1, N >="
                f" {self.config.min_samples}]"
            )
        groups = (self.mpd, self.mrd, self.mlrd)
        judged = [part(wave) for group in groups for part in group.discriminators]
        return [output for output, _ in judged], [maps for _, maps in judged]


class _Group(nn.Module):
    """Holds sub-discriminators under the name they have in the authors' checkpoints."""

    def __init__(self, parts: Iterable[nn.Module]) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(parts)


class PeriodDiscriminator(nn.Module):
    """Sees every `period`-th sample as one column (HiFi-GAN, arXiv 2010.05646, section 2.3)."""

    def __init__(self, period: int, channels: int, max_channels: int) -> None:
        super().__init__()
        self.period = period
        widths = [1] + [min(channels * 4**i, max_channels) for i in range(len(PERIOD_STRIDES))]
        self.convs = nn.ModuleList(
            _layer(widths[i], widths[i + 1], (5, 1), (stride, 1))
            for i, stride in enumerate(PERIOD_STRIDES)
        )
        self.output_conv = _convolution(widths[-1], 1, (3, 1), (1, 1))

    def forward(self, wave: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Output [B, L] and 5 feature maps of [B, 1, N], N >= period."""
        missing = -wave.shape[-1] % self.period
        # [B, 1, N] -> [B, 1, rows, period], the last row completed by reflection
        x = functional.pad(wave, (0, missing), mode="reflect").unflatten(-1, (-1, self.period))
        maps = _run(self.convs, x)
        return self.output_conv(maps[-1]).flatten(1), maps


class SpectralDiscriminator(nn.Module):
    """Sees a magnitude spectrogram (UnivNet, arXiv 2106.07889, section 2.3).

    The STFT is centred, with reflection at both ends and a periodic Hann window of n_fft samples,
    not normalised. The magnitude has no floor: its gradient is finite everywhere, and 0 where the
    magnitude is 0.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop_length: int, channels: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.input_conv = _layer(1, channels, (1, 1), (1, 1))
        self.convs = nn.ModuleList(
            _layer(channels, channels, kernel, stride)
            for kernel, stride in zip(SPECTRAL_KERNELS, SPECTRAL_STRIDES, strict=True)
        )
        self.output_conv = _convolution(channels, 1, (1, 1), (1, 1))

    def forward(self, wave: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Output [B, 1, bins, frames] and 6 feature maps of [B, 1, N], N > n_fft / 2."""
        # A generator under autocast may hand over bfloat16, which torch.stft does not take.
        spectrum = torch.stft(
            wave[:, 0].float(),
            self.n_fft,
            self.hop_length,
            window=self.window,
            pad_mode="reflect",
            return_complex=True,
        )
        maps = _run(self.convs, self.input_conv(spectrum.abs()[:, None]))
        return self.output_conv(maps[-1]), maps


class LogSpectralDiscriminator(nn.Module):
    """Sees the log magnitude of single bins, and as a second channel each bin's place (-1 to 1).

    On log magnitudes a fault 40 dB below full scale weighs as much as one at full scale. The place
    tells a convolution where in the spectrum it is. Windows lie inside the waveform. Bins below
    `lowest`, in cycles per sample, are left out.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop_length: int, channels: int, lowest: float) -> None:
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.first_bin = math.ceil(lowest * n_fft)
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        widths = [2, *(channels * width for width in LOG_WIDTHS)]
        self.convs = nn.ModuleList(
            _layer(widths[i], widths[i + 1], kernel, stride)
            for i, (kernel, stride) in enumerate(zip(LOG_KERNELS, LOG_STRIDES, strict=True))
        )
        self.output_conv = _convolution(widths[-1], 1, (3, 3), (1, 1))

    def forward(self, wave: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Output [B, 1, bins, frames] and 5 feature maps of [B, 1, N], N >= n_fft."""
        seen = (
            LOG_SLOPE * log_magnitude(wave[:, 0].float(), self.window, self.hop_length) + LOG_OFFSET
        )
        place = torch.linspace(-1, 1, seen.shape[1], device=seen.device)[:, None]
        planes = torch.stack([seen, place.expand_as(seen)], dim=1)[:, :, self.first_bin :]
        # On a CPU, convolutions with few channels take half the time in this memory format.
        maps = _run(self.convs, planes.contiguous(memory_format=torch.channels_last))
        return self.output_conv(maps[-1]), maps


def _convolution(
    inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int]
) -> nn.Module:
    padding = (kernel[0] // 2, kernel[1] // 2)
    return weight_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding))


def _layer(
    inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int]
) -> nn.Sequential:
    # In place, which saves memory: the backward pass needs only the sign, and the output has it.
    return nn.Sequential(
        _convolution(inputs, outputs, kernel, stride), nn.LeakyReLU(SLOPE, inplace=True)
    )


def _run(layers: nn.ModuleList, x: Tensor) -> list[Tensor]:
    """The outputs of all layers, each applied to the output of the one before."""
    maps = []
    for layer in layers:
        x = layer(x)
        maps.append(x)
    return maps
