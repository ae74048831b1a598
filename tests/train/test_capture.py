"""Steps captured as CUDA graphs are the steps that they were captured from. Only where there is a
GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from wavehax.train.load import load_config
from wavehax.train.loop import Trainer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def run(config: Path, captured: bool) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """Rows of the log of 12 steps, and the averaged weights; the adversary and its graph begin with
    the seventh."""
    trainer = Trainer(load_config(config, ["accelerator=cuda", "data.resident=true"]))
    trainer.update.on_one_gpu = captured
    trainer.bare.train()
    return [trainer.train_step(batch) for batch in trainer.batches()], trainer.ema


@pytest.mark.filterwarnings("ignore:This instance was constructed with capturable=True")
def test_captured_steps_are_the_eager_ones(
    write_config: Callable[..., Path], tmp_path: Path
) -> None:
    (rows, average), (expected_rows, expected_average) = (
        run(write_config(tmp_path), way) for way in (True, False)
    )
    for row, expected in zip(rows, expected_rows, strict=True):
        # norms differ by a percent from one eager run to the next
        assert row == pytest.approx(expected, rel=2e-2)
        assert row["mel"] == pytest.approx(expected["mel"], rel=1e-4)
    for name, value in average.items():
        torch.testing.assert_close(value, expected_average[name], rtol=1e-2, atol=1e-4)
