"""Training of the predictor of F0, and model files with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import with_f0
from voices import voice

import wavehax
from wavehax.checkpoint import load_model, save_model
from wavehax.config import FEATURES, F0Config
from wavehax.data.config import DataConfig
from wavehax.data.segments import SegmentDataset
from wavehax.files.sound import read_audio
from wavehax.mel.features import log_mel
from wavehax.train import f0_data
from wavehax.train.f0 import losses, train
from wavehax.train.f0_data import noisy_mel, smoothed_mel, white_noise_bands

FEATURE = FEATURES["vocos-24k"]
CONFIG = F0Config(channels=32, num_blocks=2)


def data(prepared: Path, seed: int, **fields: int) -> SegmentDataset:
    config = DataConfig(str(prepared), **{**f0_data.segments(prepared, FEATURE), **fields})
    return SegmentDataset(config, FEATURE, seed)


@pytest.mark.slow
def test_training_learns_the_pitch_of_fabricated_voices(prepared: Path) -> None:
    predictor = train(data(prepared, 0, batch_size=4), CONFIG, 250, 0)
    for pitch in (125.0, 215.0):  # between those of the corpus
        seconds = 1.5
        time = np.arange(round(seconds * 24000) // 256 + 1) * 256 / 24000
        true = (
            pitch
            * (1 + 0.1 * np.sin(2 * np.pi * 2 * time))
            * (np.sin(2 * np.pi * 1.5 * time) > -0.5)
        )
        mel = torch.from_numpy(log_mel(voice(seconds, pitch, 9), FEATURE))[None]
        f0 = predictor.decode(predictor(mel))[0, 0].detach().numpy()
        # not next to a change of voicing
        inside = np.convolve(true > 0, np.ones(5), "same") % 5 == 0
        both = (f0 > 0) & (true > 0) & inside
        assert ((f0 > 0) == (true > 0))[inside].mean() > 0.9
        assert np.median(np.abs(1200 * np.log2(f0[both] / true[both]))) < 50


def test_the_same_seed_gives_the_same_weights(prepared: Path) -> None:
    first, again, other = (
        train(data(prepared, seed), CONFIG, 2, seed).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["output_proj.weight"], other["output_proj.weight"])


def test_a_perfect_distribution_has_the_entropy_of_the_target_as_its_loss() -> None:
    f0 = torch.tensor([[[100.0, 0.0, 200.0, 5000.0]]])  # voiced, not, voiced, above all bins
    position = 48 * torch.log2(f0.clamp(min=1.0) / CONFIG.f0_min)
    pitch = -0.5 * (torch.arange(CONFIG.num_bins)[None, :, None] - position) ** 2
    voicing = torch.tensor([[[20.0, -20.0, 20.0, 20.0]]])
    losses_ = losses(torch.cat([pitch, voicing], dim=1), f0, CONFIG)
    # of a gaussian of deviation 1
    assert float(losses_[0]) == pytest.approx(0.5 * np.log(2 * np.pi * np.e), abs=1e-4)
    assert float(losses_[1]) == pytest.approx(0, abs=1e-6)


def test_noise_in_the_mel_has_the_level_of_noise_in_the_recording() -> None:
    rng = np.random.default_rng(0)
    recorded = log_mel(rng.standard_normal(24000 * 8).astype(np.float32), FEATURE)
    level = np.log(white_noise_bands(FEATURE))
    np.testing.assert_allclose(
        np.log(np.exp(2 * recorded).mean(axis=1)) / 2, level - 0.06, atol=0.1
    )
    silence = torch.full((64, 100, 50), float(np.log(FEATURE.log_floor)))
    noisy = noisy_mel(
        silence, torch.from_numpy(np.exp(level)).float(), torch.Generator().manual_seed(0)
    ).numpy()
    over_white = np.log(np.exp(2 * noisy).mean(axis=2)).mean(axis=1) / 2 - level.mean()
    changed = np.abs(noisy - silence.numpy()).max(axis=(1, 2)) > 1e-3
    assert 0.3 < changed.mean() < 0.7
    assert (over_white[changed] > -9.5).all() and (over_white[changed] < -4.5).all()


def test_smoothing_keeps_constant_mels_and_lessens_differences() -> None:
    rng = torch.Generator().manual_seed(0)
    constant = torch.full((8, 5, 6), -3.0)
    torch.testing.assert_close(smoothed_mel(constant, rng), constant)
    rough = torch.randn(64, 20, 30)
    smooth = smoothed_mel(rough, rng)
    for axis in (1, 2):
        before, after = (x.diff(dim=axis).square().mean(dim=(1, 2)) for x in (rough, smooth))
        assert (after <= before + 1e-6).float().mean() > 0.9
        assert (after < 0.95 * before).float().mean() > 0.3


@pytest.fixture(scope="module")
def run_dir(write_config: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run of one step."""
    from wavehax.train.load import load_config
    from wavehax.train.loop import Trainer

    trainer = Trainer(
        load_config(write_config(tmp_path_factory.mktemp("run"), max_steps=1, adversary=None))
    )
    trainer.run()
    return trainer.run_dir


@pytest.mark.slow
def test_one_command_adds_a_predictor_and_another_carries_it_over(
    run_dir: Path,
    prepared: Path,
    corpus: Path,
    tmp_path: Path,
    command: Callable[..., tuple[int, str, str]],
) -> None:
    model, other, third = (
        tmp_path / name for name in ("a.safetensors", "b.safetensors", "c.safetensors")
    )
    assert command("package", run_dir, "-o", model) == (0, "", "")
    code, out, said = command("train-f0", prepared, "--model", model, "-o", other, "--steps", 2)
    assert (code, out) == (0, "") and said.startswith("step 2/2  pitch ")
    made = load_model(other)
    assert made.provenance["f0"]["steps"] == 2 and str(prepared) not in str(made.provenance)
    assert command("package", run_dir, "-o", third, "--f0", other) == (0, "", "")
    again = load_model(third)
    assert again.provenance["f0"] == made.provenance["f0"]
    assert all(
        np.array_equal(again.f0.weights[name], value) for name, value in made.f0.weights.items()
    )
    mel = log_mel(read_audio(corpus / "a1.flac", 24000)[0], FEATURE)
    np.testing.assert_array_equal(wavehax.load(third)(mel), wavehax.load(other)(mel))


@pytest.mark.slow
def test_a_predictor_that_does_not_fit_is_refused_in_one_line_and_nothing_is_written(
    run_dir: Path,
    prepared: Path,
    tmp_path: Path,
    command: Callable[..., tuple[int, str, str]],
    tiny,
    model_file: Path,
) -> None:
    out = tmp_path / "out.safetensors"
    code, _, said = command("package", run_dir, "-o", out, "--f0", model_file)
    assert code == 1 and "has no predictor of F0" in said and said.count("\n") == 1
    save_model(model_file, with_f0(tiny))
    code, _, said = command("package", run_dir, "-o", out, "--f0", model_file)
    assert (
        code == 1
        and "F0 is predicted from the mel 'tiny': expected 'vocos-24k'" in said
        and said.count("\n") == 1
    )
    code, _, said = command("train-f0", prepared, "--model", model_file, "-o", out)
    assert code == 1 and "expected tiny" in said and said.count("\n") == 1
    code, _, said = command("train-f0", prepared, "--model", model_file, "-o", model_file)
    assert code == 1 and "exists already" in said
    assert not out.exists()
