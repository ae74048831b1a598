"""`wavehax package`: a training run to a model file, with its card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from wavehax.checkpoint import load_model
from wavehax.train.load import load_config
from wavehax.train.loop import Trainer
from wavehax.train.state import load_state, unflatten

CARD = """
licence: CC0-1.0
data: two fabricated voices
scores:
  dev: {files: 3, pesq_wb: 1.5}
"""


@pytest.fixture(scope="module")
def run_dir(write_config: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run of two steps, each with a checkpoint."""
    folder = tmp_path_factory.mktemp("run")
    changes = {"max_steps": 2, "adversary": None, "checkpoint_minutes": 1e-9}
    trainer = Trainer(load_config(write_config(folder, **changes)))
    trainer.run()
    return trainer.run_dir


@pytest.mark.slow
def test_a_model_file_holds_its_card_and_speaks(
    run_dir: Path,
    prepared: Path,
    tmp_path: Path,
    command: Callable[..., tuple[int, str, str]],
    corpus: Path,
) -> None:
    (tmp_path / "card.yaml").write_text(CARD)
    model = tmp_path / "model.safetensors"
    assert command("package", run_dir, "-o", model, "--card", tmp_path / "card.yaml") == (0, "", "")
    provenance = load_model(model).provenance
    assert provenance["licence"] == "CC0-1.0"
    assert provenance["scores"] == {"dev": {"files": 3, "pesq_wb": 1.5}}
    assert provenance["training"]["steps"] == 2
    assert str(prepared) not in str(provenance)
    code, said, _ = command("info", model)
    assert code == 0 and "CC0-1.0" in said
    assert (
        command("resynth", corpus / "a1.flac", "-o", tmp_path / "a1.wav", "--model", model)[0] == 0
    )


@pytest.mark.slow
def test_an_output_is_replaced_only_when_forced(
    run_dir: Path, tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"old")
    code, _, said = command("package", run_dir, "-o", model)
    assert code == 1 and "exists already" in said and said.count("\n") == 1
    assert model.read_bytes() == b"old"
    assert command("package", run_dir, "-o", model, "--force") == (0, "", "")
    load_model(model)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("- a\n- b\n", "expected a mapping of names to values"),
        (
            "licence: MIT\nmade: 2024-05-17\n",
            "made: expected text, finite numbers, lists and mappings",
        ),
        ("scores: {dev: .nan}\n", "scores: expected text, finite numbers"),
        ("training: {steps: 5}\n", "training: is taken from the checkpoint"),
        ("licence: [", "not a YAML file that can be read"),
        (None, "not a YAML file that can be read"),
    ],
)
def test_a_card_that_cannot_be_is_refused_in_one_line(
    card: str | None,
    words: str,
    run_dir: Path,
    tmp_path: Path,
    command: Callable[..., tuple[int, str, str]],
) -> None:
    path = tmp_path / "card.yaml"
    if card is not None:
        path.write_text(card)
    code, out, said = command(
        "package", run_dir, "-o", tmp_path / "model.safetensors", "--card", path
    )
    assert (code, out) == (1, "")
    assert said.startswith(f"wavehax: {path}: ") and words in said and said.count("\n") == 1
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.slow
def test_one_checkpoint_may_be_named(
    run_dir: Path, tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    checkpoint = run_dir / "checkpoints" / "step-00000002"
    for source, name in ((run_dir, "a.safetensors"), (checkpoint, "b.safetensors")):
        assert command("package", source, "-o", tmp_path / name) == (0, "", "")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.slow
def test_the_mean_of_the_last_checkpoints_is_that_of_their_averaged_weights(
    run_dir: Path, tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    out = tmp_path / "mean.safetensors"
    assert command("package", run_dir, "-o", out, "--last", 2) == (0, "", "")
    one, two = (
        unflatten("ema", load_state(run_dir / "checkpoints" / f"step-{step:08d}")[0])
        for step in (1, 2)
    )
    model = load_model(out)
    assert model.provenance["training"]["averaged_steps"] == [1, 2]
    moved = 0
    for name, weights in model.weights.items():
        if not name.endswith(("running_mean", "running_var")):  # those are measured anew
            expected = (one[name].numpy() + two[name].numpy()) / 2
            np.testing.assert_allclose(weights, expected, rtol=1e-6, atol=1e-9)
            moved += not torch.equal(one[name], two[name])
    assert moved > 10


def test_more_checkpoints_than_a_run_kept_are_refused_in_one_line(
    run_dir: Path, tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    code, _, said = command("package", run_dir, "-o", tmp_path / "a.safetensors", "--last", 3)
    assert code == 1 and said.count("\n") == 1
    assert said.startswith(f"wavehax: {run_dir}: has 2 checkpoints: expected 3 or more")
    assert not list(tmp_path.iterdir())


def test_what_is_no_run_is_refused_in_one_line(
    tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    for name in ("checkpoint.pt", "none", "."):
        (tmp_path / "checkpoint.pt").write_bytes(b"garbage")
        code, _, said = command("package", tmp_path / name, "-o", tmp_path / "model.safetensors")
        assert (code, said) == (
            1,
            f"wavehax: {tmp_path / name}: neither a run with a checkpoint nor a checkpoint\n",
        )
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
