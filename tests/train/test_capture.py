"""Steps captured as CUDA graphs are the steps that they were captured from. Only where there is a GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from wavehax.train.config import load_config
from wavehax.train.loop import Trainer
from wavehax.train.update import Update

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def losses(config: Path) -> list[float]:
    """Of 12 steps on a GPU; the adversary, and with it another graph, begins with the seventh."""
    trainer = Trainer(load_config(config, ["accelerator=cuda", "data.resident=true"]))
    trainer.bare.train()
    return [trainer.train_step(batch)["mel"] for batch in trainer.batches()]


def test_captured_steps_lose_what_eager_ones_do(
    write_config: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured = losses(write_config(tmp_path))
    monkeypatch.setattr(Update, "on_one_gpu", False)
    assert captured == pytest.approx(losses(write_config(tmp_path)), rel=1e-3)
