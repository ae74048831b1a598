"""Where the recipe of the small model starts: at the layers of the large one that matter most."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import ENVIRONMENT

import wavehax
from wavehax.bench.cases import operations_per_frame
from wavehax.checkpoint import Model, load_model
from wavehax.files.sound import read_audio
from wavehax.mel.features import log_mel
from wavehax.models.locate import model_path
from wavehax.train.load import load_config

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "vocos-24k-lite"


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Model:
    out = tmp_path_factory.mktemp("lite") / "start.safetensors"
    command = [sys.executable, RECIPE / "start.py", model_path("vocos-24k"), out]
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
    return load_model(out)


def test_the_small_model_needs_a_third_of_the_multiply_adds_and_both_stages_have_its_shape(
    start: Model,
) -> None:
    large = load_model(model_path("vocos-24k")).generator
    assert operations_per_frame(start.generator) < operations_per_frame(large) / 3
    for name, changes in (("config", []), ("adversarial", ["init_from=vocos-24k-lite"])):
        config = load_config(RECIPE / f"{name}.yaml", changes)
        assert config.generator == start.generator


def test_the_start_has_the_rows_and_taps_of_the_large_model(start: Model) -> None:
    large = load_model(model_path("vocos-24k")).weights
    small = start.weights
    np.testing.assert_array_equal(small["cond_proj.weight"], large["cond_proj.weight"][..., 3:])
    kernel = large["blocks.5.dwconv.weight"][:, :, 2:11, 2:]
    np.testing.assert_array_equal(small["blocks.4.dwconv.weight"], kernel)
    rows = {row.tobytes() for row in large["blocks.5.pwconv1.weight"]}
    assert all(row.tobytes() in rows for row in small["blocks.4.pwconv1.weight"])
    np.testing.assert_array_equal(
        small["input_proj.weight"], large["input_proj.weight"][:, [0, 1, 4]]
    )


@pytest.mark.slow
def test_before_any_training_the_small_model_already_follows_the_envelope(start: Model) -> None:
    wave, _ = read_audio(ROOT / "tests" / "data" / "recording.wav", 24000)
    mel = log_mel(wave[:24000], start.features)
    f0 = wavehax.load("vocos-24k").f0(mel)
    made = log_mel(wavehax.Vocoder(start)(mel, f0), start.features)[:, : mel.shape[1]]
    loud = mel > mel.max() - 6
    assert np.corrcoef(mel[loud], made[loud])[0, 1] > 0.7
