"""The baselines have the sizes of their papers, and stand where a generator stands."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from wavehax.config import GeneratorConfig
from wavehax.nn.baselines import BASELINES, Baseline, HifiGan, Vocos

CONFIG = GeneratorConfig(n_fft=512, hop_length=256, frame_alignment="centre")


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_sizes_are_those_of_the_papers() -> None:
    """13.92 M and 0.92 M: HiFi-GAN, table 1, for 80 bands; 13.5 M: Vocos, table 2."""
    assert parameters(HifiGan(80, 512, (8, 8, 2, 2))) == pytest.approx(13.92e6, rel=0.005)
    assert parameters(HifiGan(80, 128, (8, 8, 2, 2))) == pytest.approx(0.92e6, rel=0.01)
    assert parameters(Vocos(100, 512, 1536, 1024, 256)) == pytest.approx(13.5e6, rel=0.005)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("hop_length", [256, 240])
def test_a_baseline_makes_a_hop_of_every_frame(name: str, hop_length: int) -> None:
    model = Baseline(name, GeneratorConfig(n_fft=2 * hop_length, hop_length=hop_length))
    wave = model(torch.randn(2, 100, 9), torch.zeros(2, 1, 9))
    assert wave.shape == (2, 1, 9 * hop_length)
    assert torch.isfinite(wave).all()


def test_a_hop_that_hifigan_has_no_rates_for_is_refused() -> None:
    with pytest.raises(ValueError, match="hop_length=480: HiFi-GAN is there for 256 and 240"):
        Baseline("hifigan", GeneratorConfig(n_fft=960, hop_length=480))


@pytest.mark.parametrize("name", BASELINES)
def test_f0_and_prior_do_not_matter(name: str) -> None:
    model, mel = Baseline(name, CONFIG), torch.randn(1, 100, 9)
    waves = [model(mel, torch.full((1, 1, 9), f0), torch.randn(1, 1, 2560)) for f0 in (0.0, 300.0)]
    assert torch.equal(*waves)


@pytest.mark.parametrize("name", BASELINES)
def test_the_normalisation_of_the_mel_is_inside(name: str) -> None:
    torch.manual_seed(0)
    model, f0 = Baseline(name, CONFIG), torch.zeros(1, 1, 9)
    mel, mean, scale = torch.randn(1, 100, 9), np.linspace(-5, 1, 100), np.linspace(1, 2, 100)
    expected = model(mel, f0)
    model.set_normalization(mean, scale)
    moved = mel * torch.tensor(scale[:, None]).float() + torch.tensor(mean[:, None]).float()
    torch.testing.assert_close(model(moved, f0), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", BASELINES)
def test_a_frame_is_heard_around_its_sample(name: str) -> None:
    """The energy that a change of one frame moves is centred nearer to its sample than to any other
    frame's."""
    torch.manual_seed(0)
    model, f0 = Baseline(name, CONFIG).double(), torch.zeros(1, 1, 81)
    mel = torch.zeros(1, 100, 81, dtype=torch.double)
    changed = mel.clone()
    changed[:, :, 40] += 1e-3
    energy = (model(changed, f0) - model(mel, f0))[0, 0].square().detach().numpy()
    centre = np.sum(energy * np.arange(len(energy))) / energy.sum()
    assert centre == pytest.approx(40 * 256, abs=128)


def test_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="name='wavenet': expected one of hifigan, vocos"):
        Baseline("wavenet", CONFIG)
