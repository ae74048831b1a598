"""What is tested: the installed package, its instruction set, and small models made from the
committed fixtures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_models import tiny_model

import wavehax
from wavehax.checkpoint import Model, save_model
from wavehax.cli import main

ROOT = Path(__file__).parents[1]
SLOW_LEFT_OUT = pytest.StashKey[int]()
os.environ["PYTHONSAFEPATH"] = (
    "1"  # for processes that tests start: the folder `wavehax` here must not hide the package
)


def pytest_report_header() -> list[str]:
    isas = wavehax.available_isas()
    chosen = os.environ.get("WAVEHAX_ISA") or isas[0]
    return [
        f"wavehax: {wavehax.__version__} in {Path(wavehax.__file__).parent}",
        f"isa: {chosen} of {', '.join(isas)}",
    ]


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI") and Path(wavehax.__file__).is_relative_to(ROOT / "wavehax"):
        pytest.exit(
            "CI tests the installed package, and this is the source tree: install it; run pytest,"
            " not python -m pytest"
        )


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Counts the slow tests that `-m` leaves out, in each worker of pytest-xdist."""
    slow = sum(item.get_closest_marker("slow") is not None for item in items)
    if slow:
        stash = items[0].config.stash
        stash[SLOW_LEFT_OUT] = stash.get(SLOW_LEFT_OUT, 0) + slow


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(
        session.config, "workeroutput"
    ):  # a worker of pytest-xdist, which tells its controller
        session.config.workeroutput["slow_left_out"] = session.config.stash.get(SLOW_LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)  # called by pytest-xdist, which may not be installed
def pytest_testnodedown(node, error) -> None:
    """Every worker selects among all tests, so that the count of any is that of the run."""
    node.config.stash[SLOW_LEFT_OUT] = getattr(node, "workeroutput", {}).get("slow_left_out", 0)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if count := config.stash.get(SLOW_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{count} slow tests were left out; without `-m` they run too", yellow=True
        )


@pytest.fixture
def tiny() -> Model:
    """A model that streams: 10 bands, hop 32, norm `frame`."""
    return tiny_model("tiny_wavehax_frame")


@pytest.fixture
def utterance() -> Model:
    """A model that does not stream: norm `utterance`."""
    return tiny_model("tiny_wavehax")


@pytest.fixture
def model_file(tiny: Model, tmp_path: Path) -> Path:
    save_model(tmp_path / "tiny.safetensors", tiny)
    return tmp_path / "tiny.safetensors"


@pytest.fixture
def mel() -> np.ndarray:
    """[10, 40]."""
    return np.random.default_rng(0).standard_normal((10, 40)).astype(np.float32)


@pytest.fixture
def f0() -> np.ndarray:
    """[40], voiced and unvoiced."""
    return np.where(np.arange(40) % 13 < 9, 150 + np.arange(40.0), 0).astype(np.float32)


@pytest.fixture
def mel_file(tmp_path: Path, mel: np.ndarray, f0: np.ndarray) -> Path:
    """An .npz with mel and f0 for the tiny models."""
    np.savez(tmp_path / "utterance.npz", mel=mel, f0=f0)
    return tmp_path / "utterance.npz"


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line in this process; gives exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
