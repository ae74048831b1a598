"""Training configurations: what is read, what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from wavehax.config import ConfigError
from wavehax.train.load import load_config
from wavehax.train.values import config_from_dict, config_to_dict

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config_file(write_config: Callable[..., Path], tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.mark.parametrize(
    "path",
    sorted(ROOT.glob("recipes/*/*.yaml")),
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_every_recipe_reads(path: Path) -> None:
    load_config(path)


def test_plain_values_and_back_are_the_same(config_file: Path) -> None:
    config = load_config(config_file)
    assert config_from_dict(config_to_dict(config)) == config


def test_overrides_replace_values_of_their_type(config_file: Path) -> None:
    config = load_config(
        config_file,
        ["max_steps=7", "data.batch_size=3", "optimizer.learning_rate=1e-3", "run_dir=x"],
    )
    assert (config.max_steps, config.data.batch_size, config.run_dir) == (7, 3, "x")
    assert config.optimizer.learning_rate == 1e-3


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("max_step=7", "unknown field 'max_step'"),
        ("data.batchsize=7", "DataConfig: unknown field 'batchsize'"),
        ("max_steps=many", "max_steps='many': expected int"),
        ("max_steps=0", "max_steps=0: expected an integer of at least 1"),
        ("max_steps", "'max_steps': expected key=value"),
        ("features=mel", "features='mel': expected one of wavehax-24k"),
        ("features=wavehax-24k", "generator.hop_length=256: expected 240"),
        ("data.segment_frames=2", "data.segment_frames=2: too short for a loss window of 1024"),
        ("loss.n_mels=[80]", "expected equally many of each"),
        ("generator.norm=layer", "norm='layer': expected one of"),
        ("run_dir={", "not YAML"),
        ("run_dir.x=1", "run_dir.x: run_dir="),
        ("loss.n_ffts=[a,b]", "loss.n_ffts='a': expected an integer of at least 4"),
        ("loss.n_ffts=256", "loss.n_ffts=256: expected a list of integers"),
        ("loss.n_ffts=[256,1002]", "loss.n_ffts=1002: expected a multiple of 8"),
        ("loss.floor=0", "loss.floor=0.0: expected a number, more than 0"),
        ("data.batch_size=0", "data.batch_size=0: expected an integer of at least 1"),
        ("data.batch_size=-1", "data.batch_size=-1: expected"),
        ("data.gain_db=.nan", "data.gain_db=nan: expected a number, 0 or more"),
        (
            "optimizer.ema_decay=5",
            "optimizer.ema_decay=5.0: expected a number, 0 or more and below 1",
        ),
        (
            "optimizer.learning_rate=-1",
            "optimizer.learning_rate=-1.0: expected a number, more than 0",
        ),
        ("seed=-1", "seed=-1: expected an integer of at least 0"),
        (".seed=5", "'.seed=5': expected key=value"),
        ("loss=", "LossConfig: expected a mapping of fields"),
        ('seed=!!int ""', "seed: "),
        ("data.speed_share=2", "data.speed_share=2.0: expected a number, 0 or more and at most 1"),
        ("data.speed_min=2", "data.speed_min=2.0: expected at most speed_max=1.9"),
        ("loss.mel_weight=0", "loss.mel_weight=0.0: expected a number, more than 0"),
        (
            "adversary.discriminator=big",
            "adversary.discriminator='big': expected one of univnet, light",
        ),
        ("adversary.loss=gan", "adversary.loss='gan': expected one of hinge"),
        (
            "adversary.start_step=10000000",
            "adversary.start_step=10000000: expected below max_steps=",
        ),
        ("adversary.steps=1", "AdversaryConfig: unknown field 'steps'"),
        ("precision=fp16", "precision='fp16': expected one of fp32, bf16"),
        ("accelerator=tpu", "accelerator='tpu': expected one of auto, cpu, cuda"),
        ("devices=3", "expected a multiple of 3 (devices"),
        ("keep_checkpoints=0", "keep_checkpoints=0: expected an integer of at least 1"),
        ("monitor.segments=0", "monitor.segments=0: expected an integer of at least 1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(config_file: Path, override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as error:
        load_config(config_file, [override])
    assert "\n" not in str(error.value)


def test_a_missing_section_is_named(config_file: Path) -> None:
    values = yaml.safe_load(config_file.read_text())
    del values["data"]
    config_file.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match="TrainConfig: missing field 'data'"):
        load_config(config_file)
