"""What a run takes from the model that it starts from, and what it must not say otherwise."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from wavehax.checkpoint import load_model, save_model
from wavehax.config import FEATURES, ConfigError, to_dict
from wavehax.models.locate import model_path
from wavehax.train.export import export
from wavehax.train.load import load_config
from wavehax.train.loop import Trainer
from wavehax.train.state import newest
from wavehax.train.values import config_from_dict, config_to_dict

Config = Callable[..., Path]
SHIPPED = load_model(model_path("vocos-24k"))


@pytest.fixture(scope="module")
def run_dir(write_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step, of a generator that differs from all defaults."""
    folder = tmp_path_factory.mktemp("start")
    trainer = Trainer(load_config(write_config(folder, max_steps=1, adversary=None)))
    trainer.run()
    return trainer.run_dir


@pytest.fixture
def bare(write_config: Config, tmp_path: Path) -> Path:
    """A configuration that says neither generator nor mel."""
    path = write_config(tmp_path, adversary=None)
    values = yaml.safe_load(path.read_text())
    del values["generator"], values["features"]
    path.write_text(yaml.safe_dump(values))
    return path


def test_generator_and_mel_that_are_left_out_are_those_of_a_shipped_model(bare: Path) -> None:
    config = load_config(bare, ["init_from=vocos-24k"])
    assert config.generator == SHIPPED.generator
    assert config.feature_config == SHIPPED.features


@pytest.mark.parametrize("kind", ["run", "checkpoint", "model file", "folder of a model"])
@pytest.mark.slow
def test_what_is_left_out_is_that_of_a_run_or_of_a_file(
    kind: str, bare: Path, run_dir: Path, tmp_path: Path
) -> None:
    source = {"run": run_dir, "checkpoint": newest(run_dir / "checkpoints")}.get(kind, tmp_path)
    if source == tmp_path:
        source = tmp_path / "model.safetensors"
        export([newest(run_dir / "checkpoints")], source, {})
        source = tmp_path if kind == "folder of a model" else source
    config = load_config(bare, [f"init_from={source}"])
    expected = load_config(run_dir.parent / "config.yaml")
    assert (config.generator, config.features) == (expected.generator, expected.features)


def test_a_run_starts_with_the_weights_of_a_shipped_model(bare: Path) -> None:
    trainer = Trainer(load_config(bare, ["init_from=vocos-24k"]))
    for name, value in trainer.bare.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), SHIPPED.weights[name], err_msg=name)


def test_fields_that_agree_may_be_said_and_others_left_out(bare: Path) -> None:
    overrides = ["init_from=vocos-24k", "features=vocos-24k", "generator.channels=16"]
    overrides += ["generator.kernel_size=[13,7]", "generator.outer_norm=''"]
    assert load_config(bare, overrides).generator == SHIPPED.generator


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "generator.frame_alignment=same",
            "generator.frame_alignment='same': init_from=vocos-24k has 'centre'",
        ),
        ("generator.channels=8", "generator.channels=8: init_from=vocos-24k has 16"),
        (
            "generator.kernel_size=7",
            "generator.kernel_size=[7, 7]: init_from=vocos-24k has [13, 7]",
        ),
        ("generator.n_fft=480", "generator.n_fft=480: init_from=vocos-24k has 512"),
        ("generator.hop_length=240", "generator.hop_length=240: init_from=vocos-24k has 256"),
        ("generator.norm=layer", "generator.norm='layer': init_from=vocos-24k has 'batch'"),
        ("generator.chanels=16", "GeneratorConfig: unknown field 'chanels'"),
        ("generator=", "GeneratorConfig: expected a mapping of fields"),
        ("features=wavehax-24k", "features='wavehax-24k': init_from=vocos-24k has 'vocos-24k'"),
        ("features=[1]", "features=[1]: init_from=vocos-24k has 'vocos-24k'"),
    ],
)
def test_what_is_said_otherwise_is_refused_with_both_values(
    bare: Path, override: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as error:
        load_config(bare, ["init_from=vocos-24k", override])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (
            dataclasses.replace(FEATURES["vocos-24k"], f_max=11000.0),
            "features.f_max=11000.0: expected 12000.0, as features='vocos-24k'",
        ),
    ],
)
def test_a_model_of_a_mel_that_bears_the_name_of_another_is_refused(
    bare: Path, tmp_path: Path, features: object, said: str
) -> None:
    path = tmp_path / "other.safetensors"
    save_model(path, dataclasses.replace(SHIPPED, features=features))
    with pytest.raises(ConfigError, match=re.escape(f"init_from={path}: {said}")):
        load_config(bare, [f"init_from={path}"])


def test_the_own_mel_of_a_model_comes_whole_and_is_stored_whole(bare: Path, tmp_path: Path) -> None:
    own = dataclasses.replace(FEATURES["vocos-24k"], name="mine", log="10", floor="add")
    path = tmp_path / "other.safetensors"
    save_model(path, dataclasses.replace(SHIPPED, features=own))
    config = load_config(bare, [f"init_from={path}"])
    assert config.feature_config == own
    assert config_to_dict(config)["features"] == to_dict(own)
    assert config_from_dict(config_to_dict(config)) == config
    (tmp_path / "mine.yaml").write_text("{like: vocos-24k, log: 10, floor: add}")
    given = f"features={tmp_path / 'mine.yaml'}"
    assert load_config(bare, [f"init_from={path}", given]).feature_config == own
    (tmp_path / "mine.yaml").write_text("{like: vocos-24k, log: dB, floor: add}")
    with pytest.raises(ConfigError, match=r"features\.log='10': expected 'dB', as features='mine'"):
        load_config(bare, [f"init_from={path}", given])


def test_a_run_is_taken_up_after_its_start_is_gone(
    bare: Path, run_dir: Path, tmp_path: Path
) -> None:
    source = tmp_path / "start"
    shutil.copytree(run_dir, source)
    overrides = [f"init_from={source}", f"run_dir={tmp_path / 'next'}"]
    Trainer(load_config(bare, [*overrides, "max_steps=1"])).run()
    shutil.rmtree(source)
    trainer = Trainer(load_config(bare, [*overrides, "max_steps=2"]))
    assert trainer.step == 1
    stored = json.loads((newest(tmp_path / "next" / "checkpoints") / "index.json").read_text())[
        "config"
    ]
    assert stored["generator"]["frame_alignment"] == "centre" and stored["features"] == "vocos-24k"
    with pytest.raises(
        ValueError, match=r"generator\.channels=8: the run in .* has 4; choose another run_dir"
    ):
        Trainer(load_config(bare, [*overrides, "generator.channels=8"]))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no-such-model", "no-such-model: no model of this name is shipped; there is"),
        ("no/such.safetensors", "no/such.safetensors: no such file"),
        ("{empty}", "{empty}: neither a run with a checkpoint nor a checkpoint"),
        ("{damaged}", "{damaged}: damaged, or no training checkpoint"),
        ("{newer}", "{newer}: TrainConfig: unknown field 'x'"),
    ],
)
def test_a_start_that_cannot_be_read_is_refused_by_name(
    bare: Path, run_dir: Path, tmp_path: Path, source: str, said: str
) -> None:
    folders = {name: tmp_path / name for name in ("empty", "damaged", "newer")}
    for folder in folders.values():
        folder.mkdir()
    (folders["damaged"] / "index.json").write_text('{"tensors": {}}')
    index = json.loads((newest(run_dir / "checkpoints") / "index.json").read_text())
    index["config"]["x"] = 1
    (folders["newer"] / "index.json").write_text(json.dumps(index))
    with pytest.raises((ValueError, OSError), match=re.escape(said.format(**folders))):
        load_config(bare, [f"init_from={source.format(**folders)}"])


def test_without_a_start_the_generator_must_be_said(bare: Path) -> None:
    with pytest.raises(ConfigError, match="TrainConfig: missing field 'features'"):
        load_config(bare)


def test_package_takes_the_predictor_of_f0_of_a_shipped_model_by_its_name(
    run_dir: Path, tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    out = tmp_path / "model.safetensors"
    assert command("package", run_dir, "--f0", "vocos-24k", "-o", out) == (0, "", "")
    written = load_model(out).f0
    assert written.config == SHIPPED.f0.config
    for name, value in SHIPPED.f0.weights.items():
        np.testing.assert_array_equal(written.weights[name], value)


@pytest.mark.slow
def test_an_average_of_runs_measures_its_batch_norms_where_it_is_told_to(
    run_dir: Path, prepared: Path, tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    """Of a model with itself, they are those that `package` measures, but for the segments
    drawn."""
    model, out = tmp_path / "model.safetensors", tmp_path / "out.safetensors"
    assert command("package", run_dir, "-o", model) == (0, "", "")
    torch.manual_seed(0)
    weights = ("--weights", 0.5, 0.5)
    assert command("average", model, model, *weights, "--data", prepared, "-o", out) == (0, "", "")
    packaged, averaged = load_model(model), load_model(out)
    assert averaged.provenance["average"]["batch_norm"] == "measured"
    for name, value in packaged.weights.items():
        if name.endswith("running_mean"):
            spread = np.sqrt(packaged.weights[name.replace("mean", "var")])
            difference = np.abs(averaged.weights[name] - value)
            assert difference.max() > 0 and (difference < 0.1 * spread + 1e-6).all(), name
        elif not name.endswith("running_var"):
            np.testing.assert_array_equal(averaged.weights[name], value)


def test_a_folder_of_another_mel_is_refused_for_measuring(
    run_dir: Path, tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    model, out = tmp_path / "model.safetensors", tmp_path / "out.safetensors"
    assert command("package", run_dir, "-o", model) == (0, "", "")
    code, _, err = command(
        "average", model, model, "--weights", 0.5, 0.5, "--data", tmp_path, "-o", out
    )
    assert (
        code == 1
        and err == f"wavehax: {tmp_path}/manifest.json: missing; run the recipe's prepare.py\n"
    )
    assert not out.exists()
