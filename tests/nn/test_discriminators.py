"""Discriminators against the authors' outputs, and what a trainer relies on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_models import DATA

from wavehax.nn.discriminators import Discriminator, DiscriminatorConfig
from wavehax.train.losses import discriminator_loss, feature_matching_loss, generator_loss

NARROW = DiscriminatorConfig(period_channels=4, max_period_channels=16, spectral_channels=4)


@pytest.fixture(scope="module")
def official() -> dict[str, np.ndarray]:
    return dict(np.load(DATA / "official_discriminator_small.npz"))


@pytest.fixture(scope="module")
def loaded(official: dict[str, np.ndarray]) -> Discriminator:
    """The authors' weights under the authors' names; their windows are computed here."""
    config = json.loads(str(official["config"]))
    period, spectral = (
        config["period_discriminator_params"],
        config["spectral_discriminator_params"],
    )
    model = Discriminator(
        DiscriminatorConfig(
            tuple(config["periods"]),
            period["channels"],
            period["max_downsample_channels"],
            tuple(zip(config["fft_sizes"], config["hop_sizes"], strict=True)),
            spectral["channels"],
        )
    )
    weights = {
        key.removeprefix("weights/"): value
        for key, value in official.items()
        if key.startswith("weights/")
    }
    model.load_state_dict(
        {key: torch.from_numpy(v) for key, v in weights.items() if not key.endswith("window")}
    )
    return model


def test_outputs_and_feature_maps_equal_the_official_ones(
    official: dict, loaded: Discriminator
) -> None:
    with torch.no_grad():
        outputs, maps = loaded(torch.from_numpy(official["real"]))
    assert len(outputs) == 8
    for i, output in enumerate(outputs):
        expected = official[f"out{i}"]
        assert output.shape == expected.shape
        assert np.abs(output.numpy() - expected).max() <= 1e-5 * np.abs(expected).max()
    means = [feature.double().mean().item() for group in maps for feature in group]
    np.testing.assert_allclose(
        means, official["fmap_means"], atol=1e-6 * np.abs(official["fmap_means"]).max()
    )


def test_losses_equal_the_official_ones(official: dict, loaded: Discriminator) -> None:
    with torch.no_grad():
        real, real_maps = loaded(torch.from_numpy(official["real"]))
        fake, fake_maps = loaded(torch.from_numpy(official["fake"]))
    on_real, on_fake = discriminator_loss(real, fake, "hinge")
    made = {"adv_g": generator_loss(fake, "hinge"), "adv_real": on_real, "adv_fake": on_fake}
    made["fm"] = feature_matching_loss(real_maps, fake_maps)
    for name, value in made.items():
        assert value.item() == pytest.approx(float(official[name]), rel=1e-5), name


@pytest.mark.parametrize(
    ("preset", "parameters"), [("univnet", 41.4), ("light", 2.3), ("log", 0.2), ("log_light", 2.3)]
)
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
    (
        generator_loss(outputs, "least_squares")
        + feature_matching_loss(model(-wave.detach())[1], maps)
    ).backward()
    for name, parameter in [*model.named_parameters(), ("wave", wave)]:
        assert (
            parameter.grad is not None
            and torch.isfinite(parameter.grad).all()
            and parameter.grad.any()
        ), name


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
    with pytest.raises(
        ValueError, match=r"discriminator is 'heavy'; expected one of univnet, light"
    ):
        DiscriminatorConfig.preset("heavy")
    with pytest.raises(ValueError, match=r"periods\[1\] is 0"):
        DiscriminatorConfig(periods=(2, 0))
    with pytest.raises(ValueError, match=r"resolutions\[0\] is \(64, 128\)"):
        DiscriminatorConfig(resolutions=((64, 128),))
    with pytest.raises(ValueError, match="spectral_channels is 0"):
        DiscriminatorConfig(spectral_channels=0)
    with pytest.raises(ValueError, match="all empty"):
        DiscriminatorConfig(periods=(), resolutions=())
    with pytest.raises(ValueError, match=r"log_resolutions\[0\] is \(64, 128\)"):
        DiscriminatorConfig(log_resolutions=((64, 128),))
    with pytest.raises(ValueError, match=r"log_lowest is 0.5"):
        DiscriminatorConfig(log_lowest=0.5)


LOG = DiscriminatorConfig(
    periods=(), resolutions=(), log_resolutions=((256, 64), (128, 32)), log_channels=4
)


def test_log_discriminators_see_the_log_magnitude_and_the_place_of_single_bins() -> None:
    part = Discriminator(LOG).mlrd.discriminators[0]
    seen = []
    part.convs[0].register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    wave = 0.1 * np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    part(torch.from_numpy(wave)[None, None])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    frames = np.lib.stride_tricks.sliding_window_view(wave, 256)[::64] * window
    power = np.abs(np.fft.rfft(frames.astype(np.float64))) ** 2 / np.sum(window**2)
    log_magnitude, place = seen[0][0].numpy()
    np.testing.assert_allclose(log_magnitude, 1.5 + 0.15 * np.log(power + 1e-8).T, atol=1e-4)
    np.testing.assert_allclose(
        place, np.repeat(np.linspace(-1, 1, 129)[:, None], len(frames), 1), atol=1e-6
    )


def test_log_discriminators_see_bins_from_the_lowest_on_at_their_place() -> None:
    """A tone in bin 4 of 64 leaks to bin 5 (Hann) and no further: from bin 7 on it is not seen."""
    tone = torch.cos(2 * torch.pi * 4 / 128 * torch.arange(1024))[None, None]
    noise = 0.01 * torch.randn(1, 1, 1024, generator=torch.Generator().manual_seed(0))
    log_resolutions = ((128, 32),)
    whole, upper = (
        Discriminator(replace(LOG, log_resolutions=log_resolutions, log_lowest=lowest))
        for lowest in (0.0, 6.5 / 128)
    )
    upper.load_state_dict(whole.state_dict())
    seen: dict[Discriminator, torch.Tensor] = {}
    for model in (whole, upper):
        first = model.mlrd.discriminators[0].convs[0]
        first.register_forward_pre_hook(lambda _, x, model=model: seen.update({model: x[0]}))
        model(noise)
    torch.testing.assert_close(seen[upper], seen[whole][:, :, 7:])
    (quiet,), (loud,) = (upper(wave)[0] for wave in (noise, noise + tone))
    torch.testing.assert_close(loud, quiet, rtol=1e-3, atol=1e-5)
    (quiet,), (loud,) = (whole(wave)[0] for wave in (noise, noise + tone))
    assert (loud - quiet).abs().max() > 1e-3


def test_log_discriminators_judge_item_by_item_any_length_that_holds_a_window() -> None:
    model, waves = Discriminator(LOG), 0.1 * torch.randn(3, 1, 700)
    assert LOG.min_samples == 256 and LOG.names == ["log_256", "log_128"]
    together, maps = model(waves)
    assert [len(group) for group in maps] == [5, 5]
    for i in range(3):
        for a, b in zip(together, model(waves[i : i + 1])[0], strict=True):
            torch.testing.assert_close(a[i : i + 1], b, rtol=1e-5, atol=1e-6)
    model(waves[..., :256])
    with pytest.raises(ValueError, match=r"expected \[B, 1, N >= 256\]"):
        model(waves[..., :255])


def test_a_quiet_fault_moves_a_log_discriminator_more_than_a_linear_one() -> None:
    """Clicks 60 dB below a loud tone: the change of the output, over what the tone alone gives."""
    torch.manual_seed(0)
    tone = 0.5 * torch.sin(2 * np.pi * 500 / 24000 * torch.arange(6000.0))[None, None]
    clicks = torch.zeros_like(tone)
    clicks[..., ::128] = 5e-3
    linear = DiscriminatorConfig(periods=(), resolutions=((256, 64),), spectral_channels=16)
    log = DiscriminatorConfig(periods=(), resolutions=(), log_resolutions=((256, 64),))
    changes = []
    for config in (linear, log):
        with torch.no_grad():
            model = Discriminator(config)
            before, after = (model(wave)[1][0][1] for wave in (tone, tone + clicks))
        changes.append(((after - before).abs().mean() / before.abs().mean()).item())
    assert changes[1] > 10 * changes[0]
