"""Where the recipe at 22.05 kHz starts: at the shipped model for 24 kHz, reading another mel."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import ENVIRONMENT
from voices import voice

import wavehax
from wavehax.checkpoint import load_model
from wavehax.config import FEATURES
from wavehax.files.sound import write_audio
from wavehax.mel.features import log_mel
from wavehax.models.locate import model_path

RECIPE = Path(__file__).parents[2] / "recipes" / "hifigan-22k"
FEATURES_22K = FEATURES["hifigan-22k"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What prepare.py makes of fabricated voices."""
    corpus = tmp_path_factory.mktemp("corpus")
    rows = ["file\tspeaker\tsplit"]
    for i in range(6):
        write_audio(corpus / f"{i}.flac", voice(2.0, 100 + 30 * i, i, 22050), 22050)
        rows.append(f"{i}.flac\t{i}\ttrain")
    (corpus / "MANIFEST.tsv").write_text("\n".join(rows) + "\n")
    out = corpus.parent / "prepared"
    command = [sys.executable, RECIPE / "prepare.py", corpus, out, "--jobs", "1"]
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
    command = [sys.executable, RECIPE / "start.py", model_path("vocos-24k"), out]
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
    return out


@pytest.mark.slow
def test_the_start_is_the_trained_model_but_for_the_layers_that_read_the_mel(
    prepared: Path,
) -> None:
    old, new = load_model(model_path("vocos-24k")), load_model(prepared / "start.safetensors")
    assert new.features == FEATURES_22K and new.generator.sample_rate == 22050
    changed = {
        name.split(".")[0]
        for name, value in new.weights.items()
        if not np.array_equal(value, old.weights[name])
    }
    assert changed == {"mel_mean", "mel_scale", "cond_proj", "env_proj"}


@pytest.mark.slow
def test_the_start_makes_nearly_the_sound_of_the_trained_model_played_slower(
    prepared: Path,
) -> None:
    wave = voice(1.0, 140, 9, 22050)
    frames = len(wave) // 256
    f0 = np.full(frames, 140.0)
    start, trained = wavehax.load(prepared / "start.safetensors"), wavehax.load("vocos-24k")
    made = start(log_mel(wave, FEATURES_22K)[:, :frames], f0)
    # The same samples, called 24 kHz: F0 is higher by the ratio of the rates.
    wanted = trained(log_mel(wave, trained.features)[:, :frames], f0 * 24000 / 22050)
    levels = [log_mel(sound, trained.features)[:90, 4:-4] for sound in (made, wanted)]
    other = log_mel(trained(trained_mel_of_another(trained), f0), trained.features)[:90, 4:-4]
    same, different = (np.abs(levels[0] - x).mean() for x in (levels[1], other))
    assert same < 0.5 * different


def trained_mel_of_another(trained: wavehax.Vocoder) -> np.ndarray:
    """The mel of another sound of the same length, to compare with."""
    wave = voice(1.0, 230, 3, 22050)
    return log_mel(wave, trained.features)[:, : len(wave) // 256]


@pytest.mark.slow
def test_a_start_that_exists_is_kept(prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(prepared, folder)
    (folder / "start.safetensors").write_text("mine")
    command = [sys.executable, RECIPE / "start.py", model_path("vocos-24k"), folder]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 1 and "start.safetensors: exists already" in done.stderr
    assert (folder / "start.safetensors").read_text() == "mine"
