"""Builds the C++ library, its sanitized twin and programs linked with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
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
    """Build csrc/CMakeLists.txt in `folder`, and return it."""
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


def emulating_engine(folder: Path) -> Path:
    """Build wavehax._engine with mixed precision on every processor, by emulated products of pairs
    where there is nothing faster."""
    pybind11 = pytest.importorskip("pybind11")
    sources = [REPOSITORY / "csrc/bindings.cpp"]
    for name in ("kernels", "signal", "model", "voice"):
        sources += sorted((REPOSITORY / "csrc" / name).glob("*.cpp"))
    includes = [pybind11.get_include(), sysconfig.get_path("include"), str(REPOSITORY / "csrc")]
    module = folder / f"_engine{sysconfig.get_config_var('EXT_SUFFIX')}"
    options = ["-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-DWAVEHAX_EMULATED_PAIRS"]
    options += [f"-I{path}" for path in includes]
    subprocess.run([compiler(), *FLAGS, *options, *sources, "-o", module], check=True)
    return module
