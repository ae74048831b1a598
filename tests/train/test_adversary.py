"""Discriminators on log magnitudes in training: what they judge, their steered rate, and the values
that are refused."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from energy_run import ALONE, START, Config, energy_config

from wavehax.nn.discriminators import LOG_OFFSET, LOG_SLOPE, DiscriminatorConfig
from wavehax.nn.stft import log_magnitude
from wavehax.train.config import DISCRIMINATORS
from wavehax.train.load import load_config
from wavehax.train.loop import Trainer


@pytest.mark.parametrize("normalize", [False, True])
def test_a_judgement_is_that_of_one_pass_over_recordings_and_outputs_together(
    write_config: Config, tmp_path: Path, normalize: bool
) -> None:
    """In float64, each loss and gradient by a pass of its own."""
    overrides = [f"adversary.normalize_features={str(normalize).lower()}"]
    trainer = Trainer(load_config(energy_config(write_config, tmp_path), overrides))
    adversary = trainer.update.adversary
    adversary.set_weights(START + ALONE)
    config, share = adversary.config, float(adversary.scale)
    assert 0 < share < 1
    noise = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(2, 1, 4096, generator=noise) * scale for scale in (0.1, 0.05))
    gradient, terms = adversary.judge(real, fake, parts=2)

    reference, wave = copy.deepcopy(adversary.bare).double(), fake.double().requires_grad_()
    reference.zero_grad()
    matching = adversarial = of_real = of_fake = torch.zeros((), dtype=torch.float64)
    for part in reference.mlrd.discriminators:
        spectrum = log_magnitude(
            torch.cat([real[:, 0].double(), wave[:, 0]]), part.window, part.hop_length
        )
        seen = LOG_SLOPE * spectrum + LOG_OFFSET
        place = torch.linspace(-1, 1, seen.shape[1], dtype=torch.float64)[:, None]
        x = torch.stack([seen, place.expand_as(seen)], dim=1)[:, :, part.first_bin :]
        for layer in part.convs:
            x = layer(x)
            a, b = x.detach()[:2], x[2:]
            apart, size = ((b - a).abs().mean(dim=(1, 2, 3)), a.abs().mean(dim=(1, 2, 3)))
            matching = matching + (apart / (2 * size + 1e-6) if normalize else apart).mean()
        output = part.output_conv(x)
        adversarial = adversarial - output[2:].mean()
        of_real = of_real + torch.relu(1 - output[:2]).mean()
        of_fake = of_fake + torch.relu(1 + output[2:]).mean()
    weighted = config.adversarial_weight * adversarial + config.feature_weight * matching
    (expected,) = torch.autograd.grad(share * weighted, wave, retain_graph=True)
    ((of_real + of_fake) / 2).backward(inputs=list(reference.parameters()))

    pairs = [(gradient, expected)]
    pairs += [
        (mine.grad, other.grad)
        for mine, other in zip(adversary.bare.parameters(), reference.parameters(), strict=True)
    ]
    scale = max(float(b.abs().max()) for _, b in pairs[1:])
    for a, b in pairs:
        size = float(b.abs().max()) if b is expected else scale
        torch.testing.assert_close(a.double(), b, rtol=0, atol=2e-5 * size)
    names = ("adversarial", "feature_matching", "discriminator_real", "discriminator_fake")
    for name, value in zip(names, (adversarial, matching, of_real, of_fake), strict=True):
        assert terms[name].item() == pytest.approx(value.item(), rel=1e-5), name


@pytest.mark.parametrize(
    ("won", "share"), [(0.5, 1.0), (0.8, 1.0), (0.85, 0.5), (0.9, 0.0), (1.0, 0.0)]
)
def test_the_discriminators_rate_falls_where_they_win_too_often(
    write_config: Config, tmp_path: Path, won: float, share: float
) -> None:
    trainer = Trainer(
        load_config(energy_config(write_config, tmp_path), ["adversary.win_rate=0.8"])
    )
    adversary = trainer.update.adversary
    adversary.set_learning_rate(START, won)
    assert adversary.optimizer.param_groups[0]["lr"] == pytest.approx(1e-3 * share, abs=1e-12)


def test_without_a_largest_win_rate_the_rate_never_falls(
    write_config: Config, tmp_path: Path
) -> None:
    trainer = Trainer(load_config(energy_config(write_config, tmp_path), ["adversary.win_rate=1"]))
    trainer.update.adversary.set_learning_rate(START, 1.0)
    assert trainer.update.adversary.optimizer.param_groups[0]["lr"] == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("loss.repulsion=1.5", r"loss.repulsion=1.5: expected a number, 0 or more and at most 1"),
        (
            "loss.unvoiced_weight=0",
            r"unvoiced_weight=0.0, unvoiced_n_ffts=\(128,\): expected both or none",
        ),
        (
            "adversary.from_hz=12000",
            r"adversary.from_hz=12000.*: expected below half the sample rate",
        ),
        ("adversary.from_hz=-1", r"adversary.from_hz=-1.0: expected a number, 0 or more"),
        ("loss.low_weight=0", r"loss.low_weight=0.0: expected a number, more than 0"),
        ("loss.log_from=-1", r"loss.log_from=-1.0: expected a number, 0 or more"),
        ("loss.repulsion=0", r"loss.unvoiced_weight: expected 0 without loss.repulsion"),
        ("loss.log_weight=0", r"log_weight=0.0, log_n_ffts=\(64, 256\): expected both or none"),
        ("data.shift_samples=-1", r"data.shift_samples=-1: expected an integer of at least 0"),
        (
            "data.shift_samples=5100",
            r"segment_frames=20, shift_samples=5100: too short for a loss window of 256",
        ),
        ("adversary.win_rate=2", r"adversary.win_rate=2.0: expected a number"),
        (
            "adversary.alone_steps=9",
            r"alone_steps=9: no step is left for the generator; expected .* max_steps=12",
        ),
        (
            "adversary.alone_steps=-1",
            r"adversary.alone_steps=-1: expected an integer of at least 0",
        ),
        ("adversary.normalize_features=3", r"normalize_features=3: expected bool"),
        (
            "adversary.discriminator=linear",
            r"expected one of univnet, light, spectral, log, log_light",
        ),
    ],
)
def test_values_that_cannot_be_are_refused_by_name(
    write_config: Config, tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_config(energy_config(write_config, tmp_path), [override])


def test_names_of_discriminators_are_those_of_the_presets() -> None:
    assert DISCRIMINATORS == DiscriminatorConfig.PRESETS
