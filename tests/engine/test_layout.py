"""The folders of csrc/: few, of short files, and none includes what lies above it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[2] / "csrc"
SOURCES = [path for suffix in ("h", "cpp", "c") for path in sorted(CSRC.rglob(f"*.{suffix}"))]
# Each folder with those that it may include besides itself.
BELOW = {
    "simd": set(),
    "kernels": {"simd"},
    "signal": {"kernels"},
    "model": {"kernels", "signal"},
    "voice": {"kernels", "signal", "model"},
    "training": {"kernels", "signal", "simd"},
    "capi": {"kernels", "model", "signal", "voice", "include"},
    "include": set(),
    "capi/examples": {"include"},
    "fuzz": {"capi", "include"},
    "wasm": {"capi", "kernels", "model", "signal", "voice"},
    ".": {"kernels", "model", "voice"},
}


def included(path: Path) -> list[Path]:
    names = re.findall(r'^#include "(.+)"', path.read_text(), re.MULTILINE)
    return [
        CSRC / "include" / name if name == "wavehax.h" else (path.parent / name).resolve()
        for name in names
    ]


def folder(path: Path) -> str:
    return path.parent.relative_to(CSRC.resolve()).as_posix()


@pytest.mark.parametrize("above", BELOW)
def test_a_folder_includes_only_those_below_it(above: str) -> None:
    sources = [path for path in SOURCES if folder(path.resolve()) == above]
    seen = {folder(target.resolve()) for path in sources for target in included(path)}
    assert sources and seen <= BELOW[above] | {above}


def test_every_folder_has_its_place_and_every_include_is_a_file() -> None:
    assert {folder(path.resolve()) for path in SOURCES} == set(BELOW)
    assert all(target.is_file() for path in SOURCES for target in included(path))


def test_the_order_of_folders_has_no_circle() -> None:
    done: set[str] = set()
    while len(done) < len(BELOW):
        ready = {name for name, below in BELOW.items() if below <= done} - done
        assert ready, set(BELOW) - done
        done |= ready


def test_the_engine_has_few_folders_and_short_files() -> None:
    assert len([path for path in CSRC.iterdir() if not path.name.startswith(".")]) <= 12
    assert {
        path.name: n for path in SOURCES if (n := len(path.read_text().splitlines())) > 300
    } == {}
