"""Builds and runs the C++ tests: optimised, and under address and undefined-behaviour sanitizers with assertions on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = sorted({*REPOSITORY.glob("csrc/*.cpp"), *REPOSITORY.glob("csrc/kernels/*.cpp")})
FLAGS = ["-std=c++17", "-ffp-contract=off", "-pthread", "-w"]
SANITIZERS = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def build_and_run(name: str, flags: list[str], folder: Path, compiler: str | None = None, emulator: str = "") -> None:
    compiler = compiler or os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    sources = [REPOSITORY / f"tests/csrc/{name}.cpp", *(path for path in SOURCES if path.stem != "bindings")]
    subprocess.run([compiler, *FLAGS, *flags, *map(str, sources), "-o", str(folder / name)], check=True)
    result = subprocess.run([*filter(None, [emulator]), folder / name], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]


@pytest.mark.parametrize("flags", [["-O3"], SANITIZERS], ids=["optimised", "sanitized"])
def test_kernels_equal_float64_on_every_instruction_set(flags: list[str], tmp_path: Path) -> None:
    build_and_run("kernels_test", flags, tmp_path)


def test_kernels_for_neon_equal_float64_under_an_emulator(tmp_path: Path) -> None:
    compiler = shutil.which("aarch64-linux-gnu-g++")
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        pytest.skip("needs g++-aarch64-linux-gnu and qemu-user-static")
    build_and_run("kernels_test", ["-O1", "-static"], tmp_path, compiler, emulator)


@pytest.mark.parametrize("flags", [["-O3"], SANITIZERS], ids=["optimised", "sanitized"])
def test_kernels_on_matrix_tiles_equal_float64_with_the_same_rounding(flags: list[str], tmp_path: Path) -> None:
    build_and_run("tiles_test", flags, tmp_path)


def test_streams_of_any_model_stay_within_their_memory_and_allocate_nothing(tmp_path: Path) -> None:
    build_and_run("stream_test", SANITIZERS, tmp_path)
