"""Runs the C++ tests, optimised and under sanitizers with assertions on, and a short run of
the fuzz targets."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from builds import FLAGS, REPOSITORY, SANITIZERS, link_and_run


@pytest.mark.parametrize("name", ["kernels_test", "tiles_test"])
def test_kernels_equal_float64_on_every_instruction_set(
    library: Path, tmp_path: Path, name: str
) -> None:
    link_and_run(name, library / "libwavehax.a", ["-O3"], tmp_path)


@pytest.mark.parametrize("name", ["kernels_test", "tiles_test"])
def test_kernels_stay_within_their_arrays(sanitized: Path, tmp_path: Path, name: str) -> None:
    link_and_run(name, sanitized / "libsanitized.a", SANITIZERS, tmp_path)


@pytest.mark.slow
def test_kernels_for_neon_equal_float64_under_an_emulator(tmp_path: Path) -> None:
    compiler = shutil.which("aarch64-linux-gnu-g++")
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        pytest.skip("needs g++-aarch64-linux-gnu and qemu-user-static")
    folders = ("kernels", "signal", "model", "voice")
    sources = [
        path for folder in folders for path in sorted(REPOSITORY.glob(f"csrc/{folder}/*.cpp"))
    ]
    test = REPOSITORY / "tests/csrc/kernels_test.cpp"
    program = tmp_path / "kernels_test"
    subprocess.run([compiler, *FLAGS, "-O1", "-static", test, *sources, "-o", program], check=True)
    result = subprocess.run([emulator, program], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]


def test_streams_of_any_model_stay_within_their_memory_and_allocate_nothing(
    sanitized: Path, tmp_path: Path
) -> None:
    link_and_run("stream_test", sanitized / "libsanitized.a", SANITIZERS, tmp_path)


def test_the_c_interface_allocates_nothing_while_it_streams_and_says_what_is_wrong(
    sanitized: Path, tmp_path: Path
) -> None:
    link_and_run("c_api_test", sanitized / "libsanitized.a", SANITIZERS, tmp_path)


@pytest.mark.parametrize(
    ("target", "runs"), [("config", 5000), ("model_file", 1000), ("streams", 100)]
)
def test_a_short_slice_of_fuzzing_finds_nothing(
    sanitized: Path, tmp_path: Path, target: str, runs: int
) -> None:
    command = [sanitized / f"fuzz_{target}", f"-runs={runs}", "-seed=1"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
