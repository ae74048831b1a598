"""Discriminators against the authors' outputs, and what a trainer relies on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from wavehax.nn.discriminators import Discriminator, DiscriminatorConfig
from wavehax.train.adversarial import discriminator_loss, feature_matching_loss, generator_loss

FIXTURE = Path(__file__).parents[3] / "shared" / "fixtures" / "official_discriminator_small.npz"
NARROW = DiscriminatorConfig(period_channels=4, max_period_channels=16, spectral_channels=4)


@pytest.fixture(scope="module")
def official() -> dict[str, np.ndarray]:
    if not FIXTURE.exists():
        pytest.skip(f"needs {FIXTURE}")
    return dict(np.load(FIXTURE))


@pytest.fixture(scope="module")
def loaded(official: dict[str, np.ndarray]) -> Discriminator:
    """The authors' weights under the authors' names; their windows are computed here."""
    config = json.loads(str(official["config"]))
    period, spectral = config["period_discriminator_params"], config["spectral_discriminator_params"]
    model = Discriminator(
        DiscriminatorConfig(
            tuple(config["periods"]),
            period["channels"],
            period["max_downsample_channels"],
            tuple(zip(config["fft_sizes"], config["hop_sizes"], strict=True)),
            spectral["channels"],
        )
    )
    weights = {key.removeprefix("weights/"): value for key, value in official.items() if key.startswith("weights/")}
    model.load_state_dict({key: torch.from_numpy(v) for key, v in weights.items() if not key.endswith("window")})
    return model


def test_outputs_and_feature_maps_equal_the_official_ones(official: dict, loaded: Discriminator) -> None:
    with torch.no_grad():
        outputs, maps = loaded(torch.from_numpy(official["real"]))
    assert len(outputs) == 8
    for i, output in enumerate(outputs):
        expected = official[f"out{i}"]
        assert output.shape == expected.shape
        assert np.abs(output.numpy() - expected).max() <= 1e-5 * np.abs(expected).max()
    means = [feature.double().mean().item() for group in maps for feature in group]
    np.testing.assert_allclose(means, official["fmap_means"], atol=1e-6 * np.abs(official["fmap_means"]).max())


def test_losses_equal_the_official_ones(official: dict, loaded: Discriminator) -> None:
    with torch.no_grad():
        real, real_maps = loaded(torch.from_numpy(official["real"]))
        fake, fake_maps = loaded(torch.from_numpy(official["fake"]))
    on_real, on_fake = discriminator_loss(real, fake, "hinge")
    made = {"adv_g": generator_loss(fake, "hinge"), "adv_real": on_real, "adv_fake": on_fake}
    made["fm"] = feature_matching_loss(real_maps, fake_maps)
    for name, value in made.items():
        assert value.item() == pytest.approx(float(official[name]), rel=1e-5), name


@pytest.mark.parametrize(("preset", "parameters"), [("univnet", 41.4), ("light", 2.3)])
def test_presets_have_the_millions_of_parameters_they_state(preset: str, parameters: float) -> None:
    with torch.device("meta"):
        model = Discriminator(DiscriminatorConfig.preset(preset))
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1) == parameters
    assert not [name for name in model.state_dict() if name.endswith("window")]


def test_gradient_reaches_every_parameter_and_the_wave() -> None:
    torch.manual_seed(0)
    model = Discriminator(NARROW)
    wave = (0.1 * torch.randn(2, 1, 3000)).requires_grad_()
    outputs, maps = model(wave)
    (generator_loss(outputs, "least_squares") + feature_matching_loss(model(-wave.detach())[1], maps)).backward()
    for name, parameter in [*model.named_parameters(), ("wave", wave)]:
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all() and parameter.grad.any(), name


def test_silence_has_a_finite_gradient() -> None:
    wave = torch.zeros(1, 1, 2000, requires_grad=True)
    generator_loss(Discriminator(NARROW)(wave)[0], "hinge").backward()
    assert torch.isfinite(wave.grad).all()


def test_any_length_from_the_stated_minimum_works() -> None:
    model = Discriminator(NARROW)
    assert NARROW.min_samples == 1025
    for length in (1025, 1026, 1027, 1031, 2309, 2310, 2311):
        outputs, maps = model(torch.randn(1, 1, length))
        assert all(torch.isfinite(output).all() for output in outputs)
        assert [len(group) for group in maps] == [5] * 5 + [6] * 3
    with pytest.raises(ValueError, match=r"shape \[1, 1, 1024\]; expected \[B, 1, N >= 1025\]"):
        model(torch.randn(1, 1, 1024))


def test_without_resolutions_the_longest_period_is_the_minimum() -> None:
    config = DiscriminatorConfig(resolutions=(), period_channels=2, max_period_channels=4)
    assert config.min_samples == 11
    for length in range(11, 24):
        assert len(Discriminator(config)(torch.randn(1, 1, length))[0]) == 5


def test_a_batch_is_judged_item_by_item() -> None:
    """So that recordings and generated waves can go through in one batch."""
    model, waves = Discriminator(NARROW), 0.1 * torch.randn(3, 1, 2000)
    together, _ = model(waves)
    for i in range(3):
        alone, _ = model(waves[i : i + 1])
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[i : i + 1], b, rtol=1e-5, atol=1e-6)


def test_wrong_configurations_are_refused() -> None:
    with pytest.raises(ValueError, match=r"discriminator is 'heavy'; expected one of univnet, light"):
        DiscriminatorConfig.preset("heavy")
    with pytest.raises(ValueError, match=r"periods\[1\] is 0"):
        DiscriminatorConfig(periods=(2, 0))
    with pytest.raises(ValueError, match=r"resolutions\[0\] is \(64, 128\)"):
        DiscriminatorConfig(resolutions=((64, 128),))
    with pytest.raises(ValueError, match="spectral_channels is 0"):
        DiscriminatorConfig(spectral_channels=0)
    with pytest.raises(ValueError, match="both empty"):
        DiscriminatorConfig(periods=(), resolutions=())
