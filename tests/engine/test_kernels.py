"""Builds and runs the C++ tests of the kernels, plain and under the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = [REPOSITORY / "tests/csrc/kernels_test.cpp", *sorted((REPOSITORY / "csrc/kernels").glob("*.cpp"))]
SOURCES += [REPOSITORY / "csrc" / name for name in ("cpu.cpp", "fft.cpp", "layers.cpp", "weights.cpp")]
FLAGS = ["-std=c++17", "-ffp-contract=off", "-Wall", "-Wextra", "-Wno-maybe-uninitialized", "-Wno-uninitialized"]
SANITIZERS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.mark.parametrize("flags", [["-O3"], ["-O1", *SANITIZERS]], ids=["optimised", "sanitized"])
def test_kernels_equal_float64_on_every_instruction_set(flags: list[str], tmp_path: Path) -> None:
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    program = tmp_path / "kernels_test"
    subprocess.run([compiler, *FLAGS, *flags, *map(str, SOURCES), "-o", str(program)], check=True)
    result = subprocess.run([program], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
