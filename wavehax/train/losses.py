"""Spectral losses on waveforms, alone and as an energy score over several outputs of one input; and
adversarial and feature-matching losses (docs/design.md#adversarial-losses).

The adversarial ones are sums over sub-discriminators (and layers) of means over the elements of one
tensor, as in the authors' code: the weights of a recipe (mel 45, feature matching 2, adversarial 1)
are for sums.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wavehax.config import FeatureConfig
from wavehax.mel.features import mel_filterbank, mel_frequencies
from wavehax.nn.stft import MIN_POWER, log_magnitude

KINDS = ("hinge", "least_squares")


class LogMel(nn.Module):
    """Log-mel-spectrogram: natural log of magnitude, slaney bands up to sample_rate / 2.

    With n_fft 1024, hop 256, 100 bands and floor 1e-5 at 24 kHz it is what the mel loss of the
    official Wavehax code compares. Its frames are the paper's: zeros, (n_fft - hop_length) / 2 on
    both sides, N // hop_length frames.
    """

    window: Tensor
    bank: Tensor

    def __init__(
        self, sample_rate: int, n_fft: int, hop_length: int, n_mels: int, floor: float
    ) -> None:
        super().__init__()
        features = FeatureConfig(
            *("loss", sample_rate, hop_length, n_fft, n_mels, 0.0, sample_rate / 2),
            *("slaney", "slaney", "same", floor),
        )
        self.n_fft, self.hop_length, self.floor = n_fft, hop_length, floor
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        bank = torch.as_tensor(mel_filterbank(features), dtype=torch.float32)
        self.register_buffer("bank", bank, persistent=False)
        self.frequencies = mel_frequencies(features)[1:-1]  # Hz, of the bands' peaks

    def forward(self, wave: Tensor) -> Tensor:
        """[B, n_mels, N // hop_length] of [B, N]; N >= hop_length."""
        margin = (self.n_fft - self.hop_length) // 2
        padded = functional.pad(wave, (margin, margin))
        spectrum = torch.stft(
            padded,
            self.n_fft,
            self.hop_length,
            window=self.window,
            center=False,
            return_complex=True,
        )
        # The square root's slope is infinite at 0; 1e-9 is 80 dB below the floor after the filters.
        magnitude = torch.sqrt(spectrum.real**2 + spectrum.imag**2 + 1e-18)
        return torch.log(torch.clamp(self.bank @ magnitude, min=self.floor))


class LogMagnitude(nn.Module):
    """The natural log of the magnitude of single bins, in windows with a hop of a quarter.

    A mel band averages over bins, and the more of them the higher it lies: it hardly tells noise
    from a train of clicks. Single bins do, in quiet places as in loud ones.
    """

    window: Tensor

    def __init__(self, sample_rate: int, n_fft: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.frequencies = np.arange(n_fft // 2 + 1) * sample_rate / n_fft  # Hz, of the bins
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """[B, n_fft // 2 + 1, frames] of [B, N], N >= n_fft."""
        return log_magnitude(wave, self.window, self.n_fft // 4)


class EnergyScore(nn.Module):
    """The mean over several views of how far outputs are from a recording, less how far from each
    other.

    For outputs y, y' of one input with independent noise and the recording x, each view v scores
    E|v(y) - v(x)| - repulsion / 2 * E|v(y) - v(y')|. With repulsion 1 it is the energy score
    (Gneiting & Raftery, JASA 2007; for speech Gritsenko et al., arXiv 2008.01160): the least
    expected score is that of outputs that vary as recordings do. With repulsion 0 it is a spectral
    L1, whose best answer to noise is the median spectrum, which a train of clicks has.
    """

    def __init__(self, views: Sequence[nn.Module], repulsion: float, from_hz: float = 0.0) -> None:
        """
        Args:
            views: turn waveforms [B, N] into what is compared, [B, bands, frames], and have the
                `frequencies` [bands] of their bands in Hz.
            repulsion: 0 to 1.
            from_hz: bands below are scored without repulsion.
        """
        super().__init__()
        self.views, self.repulsion = nn.ModuleList(views), repulsion
        for i, view in enumerate(views):
            share = torch.as_tensor(view.frequencies >= from_hz, dtype=torch.float32)[:, None]
            self.register_buffer(f"share{i}", share, persistent=False)

    def forward(self, waves: Tensor, target: Tensor) -> Tensor:
        """The score of outputs [B, S, N] for recordings [B, N]; S is 1, or 2 with a repulsion."""
        scores = [
            self._score(view, getattr(self, f"share{i}"), waves, target)
            for i, view in enumerate(self.views)
        ]
        return torch.stack(scores).mean()

    def _score(self, view: nn.Module, share: Tensor, waves: Tensor, target: Tensor) -> Tensor:
        made = [view(wave) for wave in waves.unbind(1)]
        expected = view(target)
        error = torch.stack([functional.l1_loss(one, expected) for one in made]).mean()
        if not self.repulsion:
            return error
        return error - 0.5 * self.repulsion * (share * (made[0] - made[1]).abs()).mean()


class UnvoicedScore(nn.Module):
    """The energy score of complex unvoiced spectra: two outputs must not share their noise.

    `EnergyScore` compares magnitudes, and two outputs of which a fifth is the same wave have nearly
    the magnitudes of two that share nothing. Their difference as waves tells: for outputs y, y' and
    the recording x, E|Y - X| - 1/2 E|Y - Y'| over complex bins is least, among waves of the
    recording's power, where y and y' are independent. In voiced places it is not asked: there the
    phases of both outputs follow one F0.
    """

    window: Tensor

    def __init__(self, sample_rate: int, n_fft: int, from_hz: float) -> None:
        """
        Args:
            n_fft: samples of a window, with a hop of a quarter.
            from_hz: bins below are not scored.
        """
        super().__init__()
        self.n_fft, self.first = n_fft, math.ceil(from_hz * n_fft / sample_rate)
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, waves: Tensor, target: Tensor, voiced: Tensor) -> Tensor:
        """The score of two outputs [B, 2, N] for recordings [B, N].

        Bins count relative to the recording's power nearby (a window of 9 bins and 5 frames).

        Args:
            voiced: [B, N], above 0 at samples of voiced frames; windows that hold one score 0.
        """
        one, other, expected = (self._spectrum(x) for x in (waves[:, 0], waves[:, 1], target))
        power = functional.avg_pool2d(
            expected.square().sum(-1), (9, 5), 1, (4, 2), count_include_pad=False
        )
        weight = self._unvoiced(voiced) / torch.sqrt(power + MIN_POWER * self.n_fft)
        error = 0.5 * (_modulus(one - expected) + _modulus(other - expected))
        return (weight * (error - 0.5 * _modulus(one - other))).mean()

    def _spectrum(self, wave: Tensor) -> Tensor:
        """[B, bins, frames, 2] of [B, N]."""
        spectrum = torch.stft(
            wave, self.n_fft, self.n_fft // 4, window=self.window, center=False, return_complex=True
        )
        return torch.view_as_real(spectrum[:, self.first :])

    def _unvoiced(self, voiced: Tensor) -> Tensor:
        """[B, 1, frames]: 1 for windows without a voiced sample, else 0."""
        held = functional.max_pool1d(voiced[:, None], self.n_fft, self.n_fft // 4)
        return (held == 0).to(voiced.dtype)


def _modulus(parts: Tensor) -> Tensor:
    # The square root's slope is infinite at 0; 1e-6 is below the spectrum of 16-bit rounding.
    return torch.sqrt(parts.square().sum(-1) + 1e-12)


def mel_views(
    sample_rate: int, n_ffts: Sequence[int], n_mels: Sequence[int], floor: float
) -> list[LogMel]:
    """A `LogMel` of each resolution, with a hop of a quarter of its window."""
    return [
        LogMel(sample_rate, n_fft, n_fft // 4, bands, floor)
        for n_fft, bands in zip(n_ffts, n_mels, strict=True)
    ]


def generator_loss(fake: Sequence[Tensor], kind: str) -> Tensor:
    """What the generator pays for outputs on its own waves: the sum of -mean(D) or of mean((1 -
    D)^2).

    ValueError for a kind that is not in KINDS.
    """
    _check_kind(kind)
    if kind == "hinge":
        return _total([-output.mean() for output in fake])
    return _total([(1 - output).square().mean() for output in fake])


def discriminator_loss(
    real: Sequence[Tensor], fake: Sequence[Tensor], kind: str
) -> tuple[Tensor, Tensor]:
    """What the discriminators pay for outputs on recordings and on (detached) generated waves, to
    be added.

    hinge: mean(max(0, 1 - D)) and mean(max(0, 1 + D)); least_squares: mean((1 - D)^2) and
    mean(D^2). ValueError for a kind that is not in KINDS.
    """
    _check_kind(kind)
    if kind == "hinge":
        return (
            _total([functional.relu(1 - output).mean() for output in real]),
            _total([functional.relu(1 + output).mean() for output in fake]),
        )
    return _total([(1 - output).square().mean() for output in real]), _total(
        [o.square().mean() for o in fake]
    )


def feature_matching_loss(
    real: Sequence[Sequence[Tensor]],
    fake: Sequence[Sequence[Tensor]],
    normalized: bool = False,
) -> Tensor:
    """The mean absolute difference of feature maps, summed over all of them.

    No gradient flows into `real`. With `normalized` the difference of each item's map is divided by
    twice the mean magnitude of its real map, so that no scale or layer weighs more than another.

    ValueError where the numbers of maps differ.
    """
    return _total(
        [
            _matching(real_map.detach(), fake_map, normalized)
            for real_maps, fake_maps in zip(real, fake, strict=True)
            for real_map, fake_map in zip(real_maps, fake_maps, strict=True)
        ]
    )


def _matching(real: Tensor, fake: Tensor, normalized: bool) -> Tensor:
    if not normalized:
        return functional.l1_loss(fake, real)
    # Item by item, so that parts of a batch and processes add up to the whole.
    difference, magnitude = ((x.abs().flatten(1).mean(dim=1)) for x in (fake - real, real))
    return (difference / (2 * magnitude + 1e-6)).mean()


def win_rate(real: Sequence[Tensor], fake: Sequence[Tensor], kind: str) -> Tensor:
    """The share of outputs on the right side, the mean over sub-discriminators: 0.5 is chance.

    A recording's output belongs above, a generated wave's below the middle of the targets: 0 for
    `hinge`, 1/2 for `least_squares`. ValueError for a kind that is not in KINDS.
    """
    _check_kind(kind)
    middle = 0.0 if kind == "hinge" else 0.5
    right = [(output > middle).float().mean() for output in real]
    right += [(output < middle).float().mean() for output in fake]
    return torch.stack(right).mean()


def _total(terms: list[Tensor]) -> Tensor:
    return torch.stack(terms).sum()


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
