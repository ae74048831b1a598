"""Spectral, adversarial and feature-matching losses (docs/design.md#adversarial-losses).

Spectral losses compare waveforms, one output alone or several outputs of one input by an energy
score. Adversarial losses are means over the elements of a tensor, and the sum of these over
sub-discriminators (and layers), as in the authors' code. The weights of a recipe (mel 45, feature
matching 2, adversarial 1) are for sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from wavehax.nn.stft import MIN_POWER
from wavehax.train.views import View, held_in_windows

KINDS = ("hinge", "least_squares")


class EnergyScore(nn.Module):
    """The distance of outputs from a recording, minus a share of their distance from each other.

    It is the mean over several views. For outputs y, y' of one input with independent noise and the
    recording x, each view v scores E|v(y) - v(x)| - repulsion / 2 * E|v(y) - v(y')|. With repulsion
    1 it is the energy score (Gneiting & Raftery, JASA 2007; for speech Gritsenko et al., arXiv
    2008.01160): outputs that vary as recordings do have the least expected score. With repulsion 0
    it is a spectral L1, whose best answer to noise is the median spectrum, as a train of clicks has
    it. Low bands of voiced sound, where noise is rare, may be scored without repulsion.
    """

    def __init__(
        self,
        views: Sequence[View],
        repulsion: float,
        from_hz: float = 0.0,
        low_weight: float = 1.0,
    ) -> None:
        """
        Args:
            views: the values that are compared.
            repulsion: 0 to 1.
            from_hz: bands below are scored without repulsion, except in unvoiced windows.
            low_weight: weight of these bands; it is 1 for the others.
        """
        super().__init__()
        self.views, self.repulsion = nn.ModuleList(views), repulsion
        for i, view in enumerate(views):
            share = torch.as_tensor(view.frequencies >= from_hz, dtype=torch.float32)
            weight = share + low_weight * (1 - share)
            self.register_buffer(f"share{i}", share, persistent=False)
            self.register_buffer(f"weight{i}", weight, persistent=False)
        self.has_low = any((view.frequencies < from_hz).any() for view in views)

    def forward(self, waves: Tensor, target: Tensor, voiced: Tensor | None = None) -> Tensor:
        """Score outputs for recordings.

        Args:
            waves: [B, S, N]; S is 1, or 2 with a repulsion.
            target: the recordings, [B, N].
            voiced: [B, N], 1 at samples of voiced frames and 0 at others; all are voiced if None.
        """
        scores = [self._score(i, waves, target, voiced) for i in range(len(self.views))]
        return torch.stack(scores).mean()

    def _score(self, i: int, waves: Tensor, target: Tensor, voiced: Tensor | None) -> Tensor:
        view = cast("View", self.views[i])
        share, weight = getattr(self, f"share{i}"), getattr(self, f"weight{i}")
        made = [view(wave) for wave in waves.unbind(1)]
        expected = view(target)
        error = torch.stack([_weighted((one - expected).abs(), weight) for one in made]).mean()
        if not self.repulsion:
            return error
        difference = (made[0] - made[1]).abs()
        apart = _weighted(difference, share)
        if voiced is not None and self.has_low:
            unvoiced = 1 - view.held(voiced)
            apart = apart + _weighted(unvoiced * difference, weight * (1 - share))
        return error - 0.5 * self.repulsion * apart


def _weighted(difference: Tensor, weight: Tensor) -> Tensor:
    """The mean of differences [B, bands, frames] with weights for the bands."""
    # Weights are applied to the means of bands, not to all values.
    return (weight * difference.mean(dim=(0, 2))).mean()


class UnvoicedScore(nn.Module):
    """The energy score of complex unvoiced spectra: two outputs must not share their noise.

    `EnergyScore` compares magnitudes. They are nearly the same for two outputs that share a fifth
    of their wave and for two that share nothing. The difference of the waves shows it. For outputs
    y, y' and the recording x with spectra Y, Y', X, this is E|Y - X| - 1/2 E|Y - Y'| over complex
    bins. Among waves of the recording's power it is least where y and y' are independent. Voiced
    windows are left out, since the phases of both outputs follow one F0 there.
    """

    window: Tensor

    def __init__(self, n_fft: int) -> None:
        """`n_fft` are the samples of a window; the hop is a quarter of it."""
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, waves: Tensor, target: Tensor, voiced: Tensor) -> Tensor:
        """Score two outputs for each recording.

        A bin counts relative to the recording's power nearby, in 9 bins and 5 frames around it.

        Args:
            waves: the outputs, [B, 2, N].
            target: the recordings, [B, N].
            voiced: [B, N], 1 at samples of voiced frames and 0 at others; windows with a voiced
                sample score 0.
        """
        one, other, expected = (
            complex_bins(x, self.window) for x in (waves[:, 0], waves[:, 1], target)
        )
        unvoiced = 1 - held_in_windows(voiced, self.n_fft, self.n_fft // 4)
        weight = unvoiced / torch.sqrt(power_nearby(expected, self.n_fft))
        error = 0.5 * (_modulus(one - expected) + _modulus(other - expected))
        return (weight * (error - 0.5 * _modulus(one - other))).mean()


def complex_bins(wave: Tensor, window: Tensor) -> Tensor:
    """Real and imaginary parts [B, bins, frames, 2] of waves [B, N].

    Windows lie inside the waves, a quarter of their length apart.
    """
    n_fft = len(window)
    spectrum = torch.stft(wave, n_fft, n_fft // 4, window=window, center=False, return_complex=True)
    return torch.view_as_real(spectrum)


def power_nearby(bins: Tensor, n_fft: int) -> Tensor:
    """The mean power in 9 bins and 5 frames around each bin, [B, bins, frames], above 0 in silence.

    `bins` is a result of `complex_bins` with windows of `n_fft` samples.
    """
    power = bins.square().sum(-1)
    nearby = functional.avg_pool2d(power, (9, 5), 1, (4, 2), count_include_pad=False)
    return nearby + MIN_POWER * n_fft


def _modulus(parts: Tensor) -> Tensor:
    # 1e-12 keeps the slope of the square root finite at 0. Its root 1e-6 is below the spectrum of
    # 16-bit rounding.
    return torch.sqrt(parts.square().sum(-1) + 1e-12)


def generator_loss(fake: Sequence[Tensor], kind: str) -> Tensor:
    """The adversarial loss of the generator, the sum over sub-discriminators.

    It is -mean(D) for `hinge` and mean((1 - D)^2) for `least_squares`.

    Args:
        fake: outputs D of the sub-discriminators for generated waves.
        kind: one of KINDS; ValueError for another.
    """
    _check_kind(kind)
    if kind == "hinge":
        return _total([-output.mean() for output in fake])
    return _total([(1 - output).square().mean() for output in fake])


def discriminator_loss(
    real: Sequence[Tensor], fake: Sequence[Tensor], kind: str
) -> tuple[Tensor, Tensor]:
    """The losses of the discriminators for recordings and for generated waves, to be added.

    They are mean(max(0, 1 - D)) and mean(max(0, 1 + D)) for `hinge`, mean((1 - D)^2) and mean(D^2)
    for `least_squares`, each the sum over sub-discriminators.

    Args:
        real: outputs D of the sub-discriminators for recordings.
        fake: those for generated waves, which are detached from the generator.
        kind: one of KINDS; ValueError for another.
    """
    _check_kind(kind)
    if kind == "hinge":
        return (
            _total([functional.relu(1 - output).mean() for output in real]),
            _total([functional.relu(1 + output).mean() for output in fake]),
        )
    return (
        _total([(1 - output).square().mean() for output in real]),
        _total([output.square().mean() for output in fake]),
    )


def feature_matching_loss(
    real: Sequence[Sequence[Tensor]],
    fake: Sequence[Sequence[Tensor]],
    normalized: bool = False,
) -> Tensor:
    """The mean absolute difference of feature maps, summed over all of them.

    No gradient flows into `real`. With `normalized` the difference of each item's map is divided by
    twice the mean magnitude of its real map, so that no scale or layer weighs more than another.

    Raises:
        ValueError: the numbers of maps differ.
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
    rest = tuple(range(1, real.ndim))  # flatten(1) would copy maps in memory format channels_last
    difference, magnitude = (x.abs().mean(dim=rest) for x in (fake - real, real))
    return (difference / (2 * magnitude + 1e-6)).mean()


def win_rate(real: Sequence[Tensor], fake: Sequence[Tensor], kind: str) -> Tensor:
    """The share of right outputs, the mean over sub-discriminators; chance gives 0.5.

    An output is right above the middle of the targets for a recording, and below it for a generated
    wave. The middle is 0 for `hinge` and 1/2 for `least_squares`. ValueError for another `kind`.
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
