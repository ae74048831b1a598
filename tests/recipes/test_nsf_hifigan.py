"""Where the recipe at 44.1 kHz starts: at the shipped model for 24 kHz, but for bands and bins."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import ENVIRONMENT

from wavehax.checkpoint import Model, load_model, save_model
from wavehax.config import FEATURES, GENERATORS, parameter_shapes, to_dict
from wavehax.models.locate import model_path

SCRIPT = Path(__file__).parents[2] / "recipes" / "nsf-hifigan-44k" / "start.py"
FEATURES_44K = FEATURES["nsf-hifigan-44k"]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """What prepare.py says of its arrays."""
    rng = np.random.default_rng(0)
    mean, scale = rng.normal(-5, 1, 128), rng.uniform(1, 3, 128)
    manifest = {"features": to_dict(FEATURES_44K), "mel_mean": list(mean), "mel_scale": list(scale)}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def start(model: Path, prepared: Path) -> tuple[int, str]:
    command = [sys.executable, SCRIPT, model, prepared]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.slow
def test_the_start_is_the_trained_model_but_for_bands_and_bins(prepared: Path) -> None:
    assert start(model_path("vocos-24k"), prepared) == (0, "")
    old, new = (
        load_model(model_path("vocos-24k")).weights,
        load_model(prepared / "start.safetensors").weights,
    )
    same = {name for name in old if np.array_equal(old[name], new[name])}
    assert {name.split(".")[0] for name in same} == {
        "input_proj",
        "input_norm",
        "blocks",
        "output_norm",
        "output_proj",
    }
    others = {"mel_mean", "mel_scale", "prior_proj", "cond_proj", "env_proj"}
    assert {name.split(".")[0] for name in new.keys() - same} == others
    manifest = json.loads((prepared / "manifest.json").read_text())
    for name in ("mel_mean", "mel_scale"):
        np.testing.assert_allclose(new[name], manifest[name], rtol=1e-6)


@pytest.mark.slow
def test_a_start_that_exists_is_kept(prepared: Path) -> None:
    (prepared / "start.safetensors").write_text("mine")
    code, said = start(model_path("vocos-24k"), prepared)
    assert code == 1 and said.startswith(f"wavehax: {prepared}/start.safetensors: exists already")
    assert (prepared / "start.safetensors").read_text() == "mine"


@pytest.mark.slow
def test_blocks_of_another_shape_are_refused_by_name(prepared: Path, tmp_path: Path) -> None:
    config = GENERATORS["wavehax.v2"]
    weights = {name: np.ones(shape, np.float32) for name, shape in parameter_shapes(config).items()}
    save_model(tmp_path / "v2.safetensors", Model(config, FEATURES["wavehax-24k"], weights, {}))
    code, said = start(tmp_path / "v2.safetensors", prepared)
    assert code == 1
    assert (
        said == f"wavehax: {tmp_path}/v2.safetensors: input_norm.running_mean is of shape None,"
        " expected (16,)\n"
    )
    assert not (prepared / "start.safetensors").exists()
