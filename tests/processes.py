"""Other processes that use the same package as the tests, installed or not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import wavehax

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(wavehax.__file__).parents[1])}


def run_python(code: str, cwd: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh interpreter. `cwd` is not the repository, whose folder `wavehax` would
    hide the package."""
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)
