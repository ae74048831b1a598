"""Runs of training in processes of their own: to their end, or killed on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from processes import ENVIRONMENT

from wavehax.train.state import load_state, newest

LAST = "step-00000012"  # of all runs here


def train(config: Path, *changes: str) -> None:
    """Run `wavehax train` to its end."""
    command = [sys.executable, "-m", "wavehax", "train", str(config), *changes]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    assert done.returncode == 0, done.stderr


def train_until_killed(config: Path, run_dir: Path, step: int) -> None:
    """Run until there is a checkpoint of `step`, and kill it before its last step."""
    code = "import sys; from wavehax.train import run; run(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(config)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    deadline = time.monotonic() + 120
    while (path := newest(run_dir / "checkpoints")) is None or path.name < f"step-{step:08d}":
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = newest(run_dir / "checkpoints")
    assert found is not None and found.name < LAST, "the run ended before it was killed"


def assert_same_state(one: Path, other: Path) -> None:
    """The newest checkpoints of two runs hold the same tensors."""
    whole, resumed = (load_state(newest(run / "checkpoints"))[0] for run in (one, other))
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
