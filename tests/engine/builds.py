"""The C++ library and its sanitized twin, built once for the tests of a session, and programs
linked with them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SANITIZERS = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
FLAGS = ["-std=c++17", "-ffp-contract=off", "-pthread", "-w", f"-I{REPOSITORY / 'csrc/include'}"]


def compiler() -> str:
    found = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if found is None:
        pytest.skip("no C++ compiler")
    return found


def cmake_build(folder: Path, *options: str, targets: list[str]) -> Path:
    """`folder`, in which csrc/CMakeLists.txt has been built."""
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("no cmake: the extra [dev] brings it")
    configure = [
        cmake,
        "-S",
        REPOSITORY / "csrc",
        "-B",
        folder,
        f"-DCMAKE_CXX_COMPILER={compiler()}",
        *options,
    ]
    subprocess.run(configure, check=True, capture_output=True)
    jobs = str(os.cpu_count() or 1)
    subprocess.run(
        [cmake, "--build", folder, "-j", jobs, "--target", *targets],
        check=True,
        capture_output=True,
    )
    return folder


def link_and_run(name: str, library: Path, flags: list[str], folder: Path) -> None:
    """Build tests/csrc/`name`.cpp with a static library and run it."""
    source = REPOSITORY / f"tests/csrc/{name}.cpp"
    subprocess.run([compiler(), *FLAGS, *flags, source, library, "-o", folder / name], check=True)
    result = subprocess.run([folder / name], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
