"""Spectral losses against the official value and against numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from wavehax.config import FeatureConfig
from wavehax.features import log_mel
from wavehax.train.losses import MelLoss, MultiMelLoss

FIXTURE = Path(__file__).parents[3] / "shared" / "fixtures" / "official_features.npz"


def pair(samples: int = 6000) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal((2, samples))).astype(np.float32)


def test_mel_loss_equals_the_official_value() -> None:
    if not FIXTURE.exists():
        pytest.skip(f"needs {FIXTURE}")
    official = np.load(FIXTURE)
    loss = MelLoss(24000, 1024, 256, 100, 1e-5)
    made = loss(torch.from_numpy(official["noisy_wave"])[None], torch.from_numpy(official["wave"])[None])
    assert made.item() == pytest.approx(float(official["mel_loss"]), rel=1e-5)


def test_log_mel_of_the_loss_equals_numpys() -> None:
    features = FeatureConfig("x", 24000, 128, 512, 64, 0.0, 12000.0, "slaney", "slaney", "same", 1e-5)
    wave = pair()
    made = MelLoss(24000, 512, 128, 64, 1e-5).log_mel(torch.from_numpy(wave))
    for i in range(2):
        np.testing.assert_allclose(made[i].numpy(), log_mel(wave[i], features), atol=2e-5)


def test_several_resolutions_are_averaged() -> None:
    first, second = torch.from_numpy(pair())[:, None]
    both = MultiMelLoss(24000, (256, 1024), (32, 80), 1e-5)(first, second)
    single = [MelLoss(24000, n, n // 4, bands, 1e-5)(first, second) for n, bands in ((256, 32), (1024, 80))]
    assert both.item() == pytest.approx(np.mean([loss.item() for loss in single]), rel=1e-6)


def test_equal_waves_cost_nothing_and_silence_has_a_finite_slope() -> None:
    loss = MultiMelLoss(24000, (256, 1024), (32, 80), 1e-5)
    wave = torch.from_numpy(pair())
    assert loss(wave, wave).item() == 0
    silence = torch.zeros(2, 6000, requires_grad=True)
    loss(silence, wave).backward()
    assert torch.isfinite(silence.grad).all()
