"""Two processes train as one does; without Fabric none does."""

from __future__ import annotations

import csv
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from processes import ENVIRONMENT
from training_processes import train

from wavehax.cli import main


def curve(run_dir: Path, name: str) -> list[float]:
    with (run_dir / "log.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


@pytest.mark.slow
def test_two_processes_give_the_loss_curve_of_one_for_the_same_global_batch(
    write_config: Callable[..., Path], tmp_path: Path
) -> None:
    config = write_config(tmp_path)
    for devices in (1, 2):
        train(config, f"run_dir={tmp_path}/{devices}", f"devices={devices}")
    expect_one_curve(tmp_path / "1", tmp_path / "2")


def expect_one_curve(one: Path, two: Path) -> None:
    """Two runs had the same losses, to what sums in another order differ by."""
    assert curve(two, "mel") == pytest.approx(curve(one, "mel"), rel=1e-5)
    assert curve(two, "grad_norm") == pytest.approx(curve(one, "grad_norm"), rel=1e-3)
    # Rounding is magnified by AdamW where gradients are as small as those of a new discriminator.
    assert len(curve(two, "discriminator_real")) == 6
    assert curve(two, "discriminator_real") == pytest.approx(
        curve(one, "discriminator_real"), rel=1e-3
    )


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.mark.slow
def test_two_nodes_of_two_processes_that_torchrun_starts_give_the_loss_curve_of_one(
    write_config: Callable[..., Path], tmp_path: Path
) -> None:
    data = yaml.safe_load(write_config(tmp_path).read_text())["data"]
    train = ["-m", "wavehax", "train", str(write_config(tmp_path, data=data | {"batch_size": 4}))]
    one = [sys.executable, *train, f"run_dir={tmp_path}/1"]
    subprocess.run(one, capture_output=True, env=ENVIRONMENT, timeout=300, check=True)
    common = ["--nnodes=2", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    common += [f"--master-port={free_port()}"]
    several = [*train, f"run_dir={tmp_path}/2", "devices=2", "num_nodes=2"]
    nodes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "torch.distributed.run",
                *common,
                f"--node-rank={node}",
                *several,
            ],
            env={**ENVIRONMENT, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for node in range(2)
    ]
    for node in nodes:
        said, _ = node.communicate(timeout=600)
        assert node.returncode == 0, said
    expect_one_curve(tmp_path / "1", tmp_path / "2")


def test_without_fabric_training_says_what_to_install(
    write_config: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    for name in ("lightning", "lightning.fabric", "lightning_fabric"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    assert main(["train", str(write_config(tmp_path))]) == 1
    assert (
        capsys.readouterr().err
        == "wavehax: training needs lightning_fabric: pip install 'wavehax[train]'\n"
    )
