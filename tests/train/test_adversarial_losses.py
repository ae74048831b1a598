"""Adversarial losses against the official values and against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wavehax.train.losses import (
    KINDS,
    discriminator_loss,
    feature_matching_loss,
    generator_loss,
    win_rate,
)

SHAPES = ((2, 96), (2, 1, 17, 4), (2, 7))


def tensors(seed: int, shapes: tuple[tuple[int, ...], ...] = SHAPES) -> list[torch.Tensor]:
    """On both sides of the hinges at -1 and 1."""
    rng = np.random.default_rng(seed)
    return [torch.tensor(2 * rng.standard_normal(shape), requires_grad=True) for shape in shapes]


def arrays(values: list[torch.Tensor]) -> list[np.ndarray]:
    return [value.detach().numpy() for value in values]


def test_hinge_losses_equal_numpys() -> None:
    real, fake = tensors(0), tensors(1)
    on_real, on_fake = discriminator_loss(real, fake, "hinge")
    assert on_real.item() == pytest.approx(
        sum(np.maximum(0, 1 - x).mean() for x in arrays(real)), rel=1e-12
    )
    assert on_fake.item() == pytest.approx(
        sum(np.maximum(0, 1 + x).mean() for x in arrays(fake)), rel=1e-12
    )
    assert generator_loss(fake, "hinge").item() == pytest.approx(
        -sum(x.mean() for x in arrays(fake)), rel=1e-12
    )


def test_least_squares_losses_equal_numpys() -> None:
    real, fake = tensors(0), tensors(1)
    on_real, on_fake = discriminator_loss(real, fake, "least_squares")
    assert on_real.item() == pytest.approx(
        sum(((x - 1) ** 2).mean() for x in arrays(real)), rel=1e-12
    )
    assert on_fake.item() == pytest.approx(sum((x**2).mean() for x in arrays(fake)), rel=1e-12)
    made = generator_loss(fake, "least_squares").item()
    assert made == pytest.approx(sum(((x - 1) ** 2).mean() for x in arrays(fake)), rel=1e-12)


def test_feature_matching_sums_over_layers_and_is_for_the_generator_only() -> None:
    real, fake = [tensors(0), tensors(1)], [tensors(2), tensors(3)]
    loss = feature_matching_loss(real, fake)
    pairs = [
        (a, b) for i in range(2) for a, b in zip(arrays(real[i]), arrays(fake[i]), strict=True)
    ]
    assert loss.item() == pytest.approx(sum(np.abs(a - b).mean() for a, b in pairs), rel=1e-12)
    loss.backward()
    assert all(x.grad is None for maps in real for x in maps)
    assert all(x.grad is not None for maps in fake for x in maps)


def test_normalized_feature_matching_is_relative_to_the_real_map_of_each_item() -> None:
    real, fake = [tensors(0)], [tensors(2)]
    expected = 0.0
    for a, b in zip(arrays(real[0]), arrays(fake[0]), strict=True):
        items = [np.abs(x - y).mean() / (2 * np.abs(x).mean()) for x, y in zip(a, b, strict=True)]
        expected += float(np.mean(items))
    assert feature_matching_loss(real, fake, normalized=True).item() == pytest.approx(
        expected, rel=1e-5
    )
    louder = [[1000 * x for x in maps] for maps in (real[0], fake[0])]
    assert feature_matching_loss(*([x] for x in louder), normalized=True).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_the_win_rate_is_the_share_of_outputs_on_the_right_side() -> None:
    real, fake = [torch.tensor([0.2, -0.1, 3.0, 0.7])], [torch.tensor([-2.0, 0.4, 0.6, -0.1])]
    assert win_rate(real, fake, "hinge").item() == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert win_rate(real, fake, "least_squares").item() == pytest.approx((2 / 4 + 3 / 4) / 2)
    with pytest.raises(ValueError, match="kind is 'wgan'"):
        win_rate(real, fake, "wgan")


@pytest.mark.parametrize("kind", KINDS)
def test_descending_the_generators_loss_raises_what_the_discriminators_pay(kind: str) -> None:
    fake = [torch.zeros(2, 5, requires_grad=True)]
    generator_loss(fake, kind).backward()
    moved = [(fake[0] - 0.1 * fake[0].grad).detach()]
    assert discriminator_loss(fake, moved, kind)[1] > discriminator_loss(fake, fake, kind)[1]


def test_an_unknown_kind_and_missing_maps_are_refused() -> None:
    with pytest.raises(ValueError, match=r"kind is 'wgan'; expected one of hinge, least_squares"):
        generator_loss(tensors(0), "wgan")
    with pytest.raises(ValueError, match="kind is 'wgan'"):
        discriminator_loss(tensors(0), tensors(1), "wgan")
    with pytest.raises(ValueError):
        feature_matching_loss([tensors(0)], [tensors(1)[:2]])
