"""Adversarial and feature-matching losses (docs/design.md#adversarial-losses).

All are sums over sub-discriminators (and layers) of means over the elements of one tensor, as in
the authors' code: the weights of a recipe (mel 45, feature matching 2, adversarial 1) are for sums.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

KINDS = ("hinge", "least_squares")


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
