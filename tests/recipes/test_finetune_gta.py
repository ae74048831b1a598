"""The recipe finetune-gta: what spoils mels, and a run on pairs of spoiled mels and recordings."""

from __future__ import annotations

import csv
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from voices import voice

from wavehax.config import FEATURES
from wavehax.files.sound import write_audio
from wavehax.mel.features import log_mel
from wavehax.train.load import load_config

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "recipes" / "finetune-gta" / "config.yaml"
MEL = FEATURES["vocos-24k"]
SPOIL = runpy.run_path(str(CONFIG.with_name("spoil.py")))
Command = Callable[..., tuple[int, str, str]]


def moved(mel: np.ndarray) -> float:
    """How far neighbouring values of each band lie apart."""
    return float(np.abs(np.diff(mel)).mean())


def test_the_config_names_the_folders_of_its_recipe_and_asks_for_no_mel_of_changed_audio() -> None:
    config = load_config(CONFIG)
    assert (config.run_dir, config.data.path) == ("runs/finetune-gta", "data/finetune-gta")
    assert config.monitor.validation == "data/finetune-gta/dev"
    assert config.features == "vocos-24k"
    assert (config.data.speed_share, config.data.disturbed_share) == (0, 0)


def test_spoiled_mels_are_smooth_biased_by_their_model_alone_and_a_little_out_of_time() -> None:
    spoil, bias = SPOIL["spoil"], SPOIL["bias"]
    mel = log_mel(voice(2.0, 150, 0), MEL)
    one, again, other = (spoil(mel, 0, utterance) for utterance in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert one.shape == mel.shape and one.dtype == np.float32
    assert moved(one) < 0.8 * moved(mel)
    # A flat mel shows the bias and nothing else. Its spread is that of 3 dB, in nepers.
    flat = np.zeros((100, 50), np.float32)
    for utterance in (1, 2):
        expected = np.broadcast_to(bias(100, 0)[:, None], (100, 50))
        np.testing.assert_allclose(spoil(flat, 0, utterance), expected, atol=1e-6)
    assert np.std([bias(100, seed) for seed in range(50)]) == pytest.approx(0.345, rel=0.1)
    # A ramp shows the jitter: what lies half a frame off has another value.
    ramp = np.broadcast_to(np.arange(400, dtype=np.float32), (100, 400))
    late = [spoil(ramp, 0, u)[0, 20:-20] - ramp[0, 20:-20] - bias(100, 0)[0] for u in range(50)]
    assert np.std(late) == pytest.approx(0.5, rel=0.15)
    assert not np.array_equal(one, other)


@pytest.fixture(scope="module")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gta") / "waves"
    folder.mkdir()
    for i in range(3):
        write_audio(folder / f"{i}.wav", voice(0.7, 120 + 20 * i, i), 24000)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "changes"),
    [
        ("finetune-gta", ["adversary.start_step=1", "adversary.ramp_steps=0"]),
        ("quickstart", ["data.segment_frames=32"]),
    ],
)
def test_the_recipe_runs_from_recordings_to_steps(
    config: str,
    changes: list[str],
    waves: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mels, spoiled, out = (tmp_path / name for name in ("mels", "spoiled", "data"))
    assert command("features", f"{waves}/*.wav", "-o", mels)[0] == 0
    assert SPOIL["main"]([str(mels), str(spoiled)]) == 0
    with np.load(mels / "1.npz") as whole, np.load(spoiled / "1.npz") as arrays:
        np.testing.assert_array_equal(arrays["f0"], whole["f0"])
        assert arrays["mel"].shape == whole["mel"].shape
        assert moved(arrays["mel"]) < moved(whole["mel"])
    code, said, _ = command("prepare-pairs", spoiled, waves, out, "--jobs", 1)
    assert code == 0 and "2 utterances" in said
    monkeypatch.chdir(ROOT)  # in which the commands of a recipe run
    changes = [*changes, "max_steps=2", "data.batch_size=1", "threads=1", "accelerator=cpu"]
    changes += [f"run_dir={tmp_path}/run", f"data.path={out}", "monitor.every_steps=0"]
    code, _, error = command("train", ROOT / "recipes" / config / "config.yaml", *changes)
    assert code == 0, error
    with open(tmp_path / "run" / "log.csv", newline="") as file:
        losses = [float(row["mel"]) for row in csv.DictReader(file)]
    assert len(losses) == 2 and all(0 < loss < 10 for loss in losses)
