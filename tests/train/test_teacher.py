"""Distillation: what a teacher says of a wave, whom it teaches, and a run that learns from it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from wavehax.checkpoint import load_model
from wavehax.config import ConfigError
from wavehax.models.locate import model_path
from wavehax.nn import build_generator
from wavehax.train import run
from wavehax.train.export import export
from wavehax.train.load import load_config
from wavehax.train.loop import Trainer
from wavehax.train.state import load_state, newest
from wavehax.train.teacher import Teacher

Config = Callable[..., Path]
TEACHER = {"model": "vocos-24k", "n_ffts": [256]}


@pytest.fixture
def teacher(write_config: Config, tmp_path: Path) -> Teacher:
    config = load_config(write_config(tmp_path, teacher=TEACHER))
    assert config.teacher
    return Teacher(config.teacher, config)


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    """A mel [2, 100, 12] and F0 [2, 1, 12] in Hz."""
    torch.manual_seed(0)
    return torch.randn(2, 100, 12) - 3, torch.full((2, 1, 12), 150.0)


def test_a_teacher_synthesises_as_its_model_does_even_while_the_run_trains(
    teacher: Teacher,
) -> None:
    model = load_model(model_path("vocos-24k"))
    plain = build_generator(model.generator, model.features.magnitude_floor).eval()
    plain.load_state_dict({name: torch.from_numpy(x) for name, x in model.weights.items()})
    mel, f0 = inputs()
    prior = plain.make_prior(f0)
    teacher.train()
    waves = teacher.waves(mel, f0, prior)
    assert not waves.requires_grad
    with torch.no_grad():
        expected = plain(mel, f0, prior)
    torch.testing.assert_close(waves, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))
    for name, value in plain.state_dict().items():
        assert torch.equal(value, teacher.generator.state_dict()[name]), name


def test_the_score_is_the_distance_of_spectra_relative_to_the_power_nearby(
    teacher: Teacher,
) -> None:
    rng = np.random.default_rng(1)
    wave, taught = rng.standard_normal((2, 1, 256 + 8 * 64))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    one, other = (
        np.stack([np.fft.rfft(window * x[0, i : i + 256]) for i in range(0, 513, 64)], axis=1)
        for x in (wave, taught)
    )
    power, near = np.abs(other) ** 2, np.empty(other.shape)
    for f in range(near.shape[0]):
        for t in range(near.shape[1]):
            near[f, t] = power[max(0, f - 4) : f + 5, max(0, t - 2) : t + 3].mean()
    expected = np.mean(np.abs(one - other) / np.sqrt(near))
    score = teacher(*(torch.from_numpy(x).float() for x in (wave, taught)))
    assert float(score) == pytest.approx(expected, rel=1e-4)
    same = torch.from_numpy(taught).float()
    assert float(teacher(same, same)) < 1e-4


@pytest.mark.slow
def test_a_run_with_a_teacher_logs_its_score_and_resumes_to_the_last_digit(
    write_config: Config, tmp_path: Path
) -> None:
    (tmp_path / "parts").mkdir()
    changes = {"teacher": TEACHER, "adversary": None, "loss": {"n_ffts": [256], "n_mels": [32]}}
    whole = write_config(tmp_path, **changes, max_steps=4)
    run(str(whole))
    parts = write_config(tmp_path / "parts", **changes, max_steps=4)
    trainer = Trainer(load_config(parts))
    for _, batch in zip(range(2), trainer.batches(), strict=False):
        trainer.train_step(batch)
    trainer.save()
    run(str(parts))
    first, second = (
        load_state(newest(folder / "run" / "checkpoints"))[0]
        for folder in (tmp_path, tmp_path / "parts")
    )
    assert not any("teacher" in name for name in first)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    packaged = export([newest(tmp_path / "run" / "checkpoints")], tmp_path / "a.safetensors", {})
    assert packaged.provenance["training"]["teacher"]["model"] == "vocos-24k"
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        scores = [float(row["teacher"]) for row in csv.DictReader(file)]
    assert len(scores) == 4
    assert all(0 < score < 10 for score in scores)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ("nsf-hifigan-44k", "teacher.model=nsf-hifigan-44k: has another mel than .*vocos-24k"),
        ("nobody", "nobody"),
    ],
)
def test_a_teacher_of_another_mel_and_one_that_is_not_there_are_refused(
    write_config: Config, tmp_path: Path, model: str, problem: str
) -> None:
    config = load_config(write_config(tmp_path, teacher={"model": model}))
    with pytest.raises(ValueError, match=problem):
        Trainer(config)


def test_a_teacher_that_takes_another_prior_is_refused_by_the_field(
    write_config: Config, tmp_path: Path
) -> None:
    path = write_config(tmp_path, teacher=TEACHER)
    config = load_config(path, ["generator.frame_alignment=same"])
    with pytest.raises(ConfigError, match="has frame_alignment='centre', expected 'same'"):
        Trainer(config)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"weight": 0}, "teacher.weight"),
        ({"n_ffts": []}, "teacher.n_ffts"),
        ({"n_ffts": [2]}, "teacher.n_ffts"),
        ({"n_ffts": [16384]}, "too short for a loss window of 16384"),
        ({"pupil": 1}, "pupil"),
    ],
)
def test_a_wrong_value_of_a_teacher_is_refused(
    write_config: Config, tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    path = write_config(tmp_path, teacher={**TEACHER, **change})
    with pytest.raises(ConfigError, match=problem):
        load_config(path)
