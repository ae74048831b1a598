"""The folders of wavehax/: few, of short files, and none imports what lies above it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "wavehax"
# The highest floor first. A place imports itself and the floors below its own. `wavehax` stands for
# wavehax/__init__.py.
FLOORS = (
    {"__main__"},
    {"cli"},
    {"bench", "evaluate", "ray"},
    {"export", "official", "train"},
    {"data"},
    {"compat", "nn"},
    {"wavehax"},
    {"features", "vocoder and voice"},
    {"mel"},
    {"checks"},
    {"checkpoint", "models"},
    {"files"},
    {"config", "errors", "_engine"},
)
ONE_PLACE = {"vocoder": "vocoder and voice", "voice": "vocoder and voice"}


def place(module: str) -> str:
    """The file or folder of `wavehax/` that holds a module, such as `wavehax.mel.files`."""
    parts = module.split(".")
    inside = len(parts) > 1 and parts[1] in {path.name.split(".")[0] for path in PACKAGE.iterdir()}
    name = parts[1] if inside else "wavehax"
    return ONE_PLACE.get(name, name)


def imported(path: Path) -> set[str]:
    """The places that a file imports, whether at its head or in a function."""
    modules = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
    return {place(module) for module in modules if module.split(".")[0] == "wavehax"}


def sources() -> list[tuple[str, Path]]:
    """The Python files of the package, each with its place."""
    paths = sorted(PACKAGE.rglob("*.py"))
    modules = (path.relative_to(PACKAGE).with_suffix("").parts for path in paths)
    names = ("wavehax" if parts == ("__init__",) else f"wavehax.{parts[0]}" for parts in modules)
    return [(place(name), path) for name, path in zip(names, paths, strict=True)]


@pytest.mark.parametrize("floor", range(len(FLOORS)))
def test_a_place_imports_only_those_below_it(floor: int) -> None:
    below = set().union(*FLOORS[floor + 1 :])
    found = {
        f"{path.relative_to(PACKAGE)} imports {target}"
        for name, path in sources()
        if name in FLOORS[floor]
        for target in imported(path) - below - {name}
    }
    assert not found


def test_every_file_has_its_place() -> None:
    assert {name for name, _ in sources()} | {"_engine"} == set().union(*FLOORS)


def test_the_package_has_few_entries_and_short_files() -> None:
    compiled = {".so", ".pyd"}
    entries = [
        path.name
        for path in PACKAGE.iterdir()
        if path.name != "__pycache__" and path.suffix not in compiled
    ]
    assert len(entries) <= 24, sorted(entries)
    lengths = {str(path): len(path.read_text().splitlines()) for _, path in sources()}
    assert {path: n for path, n in lengths.items() if n > 300} == {}
