"""The quickstart recipe's scoring script: which files it takes, and that it runs from end to end."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest

from wavehax.audio import write_audio
from wavehax.checkpoint import Model, save_model
from wavehax.config import FEATURES, GeneratorConfig, parameter_shapes

SCRIPT = Path(__file__).parents[2] / "recipes" / "quickstart" / "score.py"
ROWS = [
    ("b2.wav", "unseen", "b"),
    ("a.wav", "dev", "a"),
    ("b1.wav", "unseen", "b"),
    ("c.wav", "train", "c"),
    ("d.wav", "singing", "d"),
    ("e.wav", "unseen", "e"),
]


@pytest.fixture(scope="module")
def score():
    spec = importlib.util.spec_from_file_location("quickstart_score", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    with (tmp_path / "MANIFEST.tsv").open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([("file", "split", "speaker"), *ROWS])
    return tmp_path


def test_held_out_files_are_scored_and_one_of_each_unseen_speaker(score, corpus: Path) -> None:
    chosen = [row["file"] for row in score.chosen_rows(corpus, list(score.SPLITS))]
    assert chosen == ["a.wav", "b1.wav", "d.wav", "e.wav"]
    assert [row["file"] for row in score.chosen_rows(corpus, ["dev"])] == ["a.wav"]


def test_means_leave_out_scores_that_do_not_exist(score) -> None:
    scores = [{"split": "x", "pesq_wb": 2.0}, {"split": "x", "pesq_wb": math.nan}, {"split": "y", "pesq_wb": 3.0}]
    assert score.means(scores, "split") == {"x": {"files": 2, "pesq_wb": 2.0}, "y": {"files": 1, "pesq_wb": 3.0}}


def test_the_script_scores_a_model(score, corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    for name in ("pesq", "pystoi", "pyworld"):
        pytest.importorskip(name, reason="needs the extras [f0,eval]")
    config = GeneratorConfig(
        channels=4, num_blocks=1, kernel_size=(5, 3), n_fft=512, hop_length=256, norm="batch", output="excitation"
    )
    weights = {name: np.full(shape, 1e-3, np.float32) for name, shape in parameter_shapes(config).items()}
    weights["mel_scale"][:] = 10
    save_model(corpus / "model.safetensors", Model(config, FEATURES["vocos-24k"], weights))
    time = np.arange(48000) / 24000
    wave = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 30)) * (time % 1 < 0.8)
    write_audio(corpus / "a.wav", 0.1 * wave, 24000)
    arguments = ["--splits", "dev", "--jobs", "1", "--model", str(corpus / "model.safetensors")]
    outputs = ["--json", str(corpus / "scores.json"), "--wavs", str(corpus / "made")]
    monkeypatch.setattr("sys.argv", ["score.py", str(corpus), *arguments, *outputs])
    monkeypatch.setattr(score.multiprocessing, "get_context", lambda _: _Here)
    score.main()
    assert "a.wav" in capsys.readouterr().out
    (scores,) = json.loads((corpus / "scores.json").read_text())["files"]
    assert 1 <= scores["pesq_wb"] <= 4.65
    assert (corpus / "made" / "a.wav").exists()


class _Here:
    """A pool of no processes: the script's functions are not importable by name here."""

    def __init__(self, jobs: int) -> None:
        pass

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *_) -> None:
        pass

    @staticmethod
    def map(function, items, chunksize: int) -> list:
        return [function(item) for item in items]

    Pool = classmethod(lambda cls, jobs: cls(jobs))
