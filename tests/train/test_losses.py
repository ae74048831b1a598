"""Spectral losses against the official value and against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import recording_features

from wavehax.config import FeatureConfig
from wavehax.mel.features import log_mel
from wavehax.train.losses import EnergyScore, UnvoicedScore
from wavehax.train.views import LogMagnitude, LogMel, View, mel_views


def pair(samples: int = 6000) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal((2, samples))).astype(np.float32)


def test_mel_loss_equals_the_official_value() -> None:
    official = recording_features()
    loss = EnergyScore([LogMel(24000, 1024, 256, 100, 1e-5)], 0)
    made = loss(
        torch.from_numpy(official["noisy_wave"])[None, None],
        torch.from_numpy(official["wave"])[None],
    )
    assert made.item() == pytest.approx(float(official["mel_loss"]), rel=1e-5)


def test_log_mel_of_the_loss_equals_numpys() -> None:
    features = FeatureConfig(
        "x", 24000, 128, 512, 64, 0.0, 12000.0, "slaney", "slaney", "same", 1e-5
    )
    wave = pair()
    made = LogMel(24000, 512, 128, 64, 1e-5)(torch.from_numpy(wave))
    for i in range(2):
        np.testing.assert_allclose(made[i].numpy(), log_mel(wave[i], features), atol=2e-5)


def mels(repulsion: float = 0) -> EnergyScore:
    return EnergyScore(mel_views(24000, (256, 1024), (32, 80), 1e-5), repulsion)


def test_several_resolutions_are_averaged() -> None:
    first, second = torch.from_numpy(pair())[:, None]
    both = mels()(first[:, None], second)
    single = [
        EnergyScore([LogMel(24000, n, n // 4, bands, 1e-5)], 0)(first[:, None], second)
        for n, bands in ((256, 32), (1024, 80))
    ]
    assert both.item() == pytest.approx(np.mean([loss.item() for loss in single]), rel=1e-6)


def test_equal_waves_cost_nothing_and_silence_has_a_finite_slope() -> None:
    loss = mels()
    wave = torch.from_numpy(pair())
    assert loss(wave[:, None], wave).item() == 0
    silence = torch.zeros(2, 1, 6000, requires_grad=True)
    (loss(silence, wave) + EnergyScore([LogMagnitude(24000, 128)], 0)(silence, wave)).backward()
    assert torch.isfinite(silence.grad).all()


def test_log_magnitudes_of_bins_equal_numpys() -> None:
    wave = pair()
    made = LogMagnitude(24000, 128)(torch.from_numpy(wave)).numpy()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(128) / 128)
    frames = np.lib.stride_tricks.sliding_window_view(wave, 128, axis=1)[:, ::32] * window
    power = np.abs(np.fft.rfft(frames.astype(np.float64))) ** 2 / np.sum(window**2)
    np.testing.assert_allclose(made, 0.5 * np.log(power + 1e-8).transpose(0, 2, 1), atol=1e-4)


def test_the_energy_score_is_numpys() -> None:
    waves = torch.from_numpy(pair(3000)).reshape(1, 2, 3000)
    target = torch.from_numpy(pair(3000)[:1] * 0.5 + 0.02)
    view = LogMagnitude(24000, 256)
    a, b, x = (view(wave).double().numpy() for wave in (waves[:, 0], waves[:, 1], target))
    expected = 0.5 * (np.abs(a - x).mean() + np.abs(b - x).mean()) - 0.5 * np.abs(a - b).mean()
    assert EnergyScore([view], 1.0)(waves, target).item() == pytest.approx(expected, rel=1e-5)


class Samples(torch.nn.Module):
    """A view with one band: the waveform itself."""

    frequencies = np.array([1000.0])

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        return wave[:, None]


def test_below_the_lowest_repelled_band_the_score_is_l1() -> None:
    waves = torch.from_numpy(pair(3000)).reshape(1, 2, 3000)
    target = torch.from_numpy(pair(3000)[:1] * 0.5 + 0.02)
    view = LogMagnitude(24000, 256)
    a, b, x = (view(wave).double().numpy() for wave in (waves[:, 0], waves[:, 1], target))
    apart = np.abs(a - b) * (np.arange(129) * 24000 / 256 >= 1000)[:, None]
    expected = 0.5 * (np.abs(a - x).mean() + np.abs(b - x).mean()) - 0.5 * apart.mean()
    assert EnergyScore([view], 1.0, 1000.0)(waves, target).item() == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("view", [LogMagnitude(24000, 256), LogMel(24000, 256, 64, 32, 1e-5)])
def test_windows_without_a_voiced_sample_are_repelled_in_all_bands(view: View) -> None:
    waves = torch.from_numpy(pair(3000)).reshape(1, 2, 3000)
    target = torch.from_numpy(pair(3000)[:1] * 0.5 + 0.02)
    voiced = torch.zeros(1, 3000)
    voiced[0, 1000:1100] = 1
    a, b, x = (view(wave).double().numpy()[0] for wave in (waves[:, 0], waves[:, 1], target))
    begins = np.arange(a.shape[1]) * 64 - (96 if isinstance(view, LogMel) else 0)
    unvoiced = (begins + 256 <= 1000) | (begins >= 1100)
    assert 0 < unvoiced.sum() < len(unvoiced)
    low = (view.frequencies < 1000)[:, None]
    weight = np.where(low, 3.0, 1.0)
    error = 0.5 * (np.abs(a - x) + np.abs(b - x))
    expected = (weight * (error - 0.5 * np.abs(a - b) * (~low | unvoiced))).mean()
    score = EnergyScore([view], 1.0, 1000.0, low_weight=3.0)
    assert score(waves, target, voiced).item() == pytest.approx(expected, rel=1e-4)
    everything_voiced = score(waves, target, torch.ones(1, 3000))
    torch.testing.assert_close(everything_voiced, score(waves, target))


def test_bands_below_the_lowest_repelled_one_have_a_weight_of_their_own() -> None:
    waves = torch.from_numpy(pair(3000)[:1])[:, None]
    target = torch.from_numpy(pair(3000)[1:])
    view = LogMagnitude(24000, 256)
    y, x = (view(wave).double().numpy() for wave in (waves[:, 0], target))
    weight = np.where(np.arange(129) * 24000 / 256 < 1000, 3.0, 1.0)[:, None]
    made = EnergyScore([view], 0.0, 1000.0, low_weight=3.0)(waves, target)
    assert made.item() == pytest.approx((weight * np.abs(y - x)).mean(), rel=1e-5)


def test_log_magnitudes_may_begin_at_a_frequency() -> None:
    wave = torch.from_numpy(pair())
    whole, upper = LogMagnitude(24000, 128), LogMagnitude(24000, 128, 1000.0)
    assert upper.frequencies[0] == 1125 == whole.frequencies[6]
    torch.testing.assert_close(upper(wave), whole(wave)[:, 6:])


def test_outputs_that_vary_as_recordings_do_score_best_only_with_repulsion() -> None:
    """Against gaussian noise the median, 0, has the least L1: E|x| = 0.80 and E|x - x'| = 1.13."""
    noise = torch.randn(3, 100_000, generator=torch.Generator().manual_seed(0))
    target, varied, median = noise[:1], noise[None, 1:], torch.zeros(1, 2, 100_000)
    l1, score = (EnergyScore([Samples()], repulsion) for repulsion in (0.0, 1.0))
    assert l1(median, target).item() == pytest.approx(0.798, abs=0.01)
    assert l1(varied, target).item() == pytest.approx(1.128, abs=0.01)
    assert score(median, target).item() == pytest.approx(0.798, abs=0.01)
    assert score(varied, target).item() == pytest.approx(0.564, abs=0.01)


def white(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 60_000, generator=torch.Generator().manual_seed(seed))


def test_unvoiced_outputs_that_share_a_fifth_of_their_noise_score_worse_than_independent_ones() -> (
    None
):
    """E|a| of a complex gaussian of power p is sqrt(pi p) / 2.

    In that unit the score is sqrt(2) - sqrt(2 (1 - share)) / 2.
    """
    target, common, own = white(1, 0), white(1, 1), white(2, 2)
    score, nothing_voiced = UnvoicedScore(512), torch.zeros(1, 60_000)
    shares = {
        share: np.sqrt(share) * common + np.sqrt(1 - share) * own for share in (0.0, 0.2, 1.0)
    }
    scores = {
        share: score(waves[None], target, nothing_voiced).item() for share, waves in shares.items()
    }
    expected = {share: np.sqrt(2) - np.sqrt(2 * (1 - share)) / 2 for share in shares}
    assert scores[0.0] < scores[0.2] < scores[1.0]
    for share in (
        0.2,
        1.0,
    ):  # 3 %: the power nearby, which scales a bin, has the bin itself among 45
        assert scores[share] / scores[0.0] == pytest.approx(
            expected[share] / expected[0.0], rel=0.03
        )


def test_unvoiced_score_is_numpys_and_hears_no_window_with_a_voiced_sample() -> None:
    target, waves = white(1, 0)[:, :4096], white(2, 1)[None, :, :4096]
    voiced = torch.zeros(1, 4096)
    voiced[0, 2000:2100] = 1
    n_fft = 256
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)

    def spectrum(wave: torch.Tensor) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(wave.numpy().astype(np.float64), n_fft)[
            ::64
        ]
        return np.fft.rfft(frames * window).T

    x, y, z = (spectrum(wave) for wave in (target[0], waves[0, 0], waves[0, 1]))
    power = np.zeros(x.shape)
    for k, t in np.ndindex(x.shape):
        near = x[max(0, k - 4) : k + 5, max(0, t - 2) : t + 3]
        power[k, t] = np.mean(np.abs(near) ** 2)
    begins = np.arange(x.shape[1]) * 64
    heard = (begins + n_fft <= 2000) | (begins >= 2100)
    cost = 0.5 * (np.abs(x - y) + np.abs(x - z) - np.abs(y - z)) / np.sqrt(power + 1e-8 * n_fft)
    made = UnvoicedScore(n_fft)(waves, target, voiced).item()
    assert made == pytest.approx((cost * heard).mean(), rel=1e-4)
    everything = UnvoicedScore(n_fft)(waves, target, torch.ones(1, 4096))
    assert everything.item() == 0
