"""What Python says in the folder of a clone, where the sources hide an installed package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SOURCES = Path(__file__).parents[1] / "wavehax"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the Python sources, without compiled modules and models."""
    not_python = shutil.ignore_patterns("*.so", "*.pyd", "*.safetensors", "__pycache__")
    shutil.copytree(SOURCES, tmp_path / "wavehax", ignore=not_python)
    return tmp_path


def import_error(clone: Path, statement: str) -> str:
    """The last line of standard error after `statement` in a Python that starts in the clone."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    environment["PYTHONPATH"] = str(Path(np.__file__).parents[1])
    # -S: no .pth file, so that no editable install of another folder lends its engine.
    command = [sys.executable, "-S", "-c", statement]
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("statement", ["import wavehax", "from wavehax.features import log_mel"])
def test_a_clone_that_is_not_built_says_what_to_do(clone: Path, statement: str) -> None:
    message = import_error(clone, statement)
    assert message.startswith(f"ImportError: {clone / 'wavehax'} lacks the compiled module _engine")
    assert "`pip install -e .` in the clone, or start Python in another folder" in message


def test_an_engine_that_is_there_and_does_not_load_says_why_itself(clone: Path) -> None:
    (clone / "wavehax" / "_engine.py").write_text("raise ImportError('undefined symbol: one')")
    assert import_error(clone, "import wavehax") == "ImportError: undefined symbol: one"
