"""What type checkers are told: the stubs of the compiled modules, and the annotations of the public
interface."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wavehax

ROOT = Path(__file__).parents[1]
PACKAGE = Path(wavehax.__file__).parent
COMPILED = ("_engine", "nn._training")
# pybind11's classes have a metaclass, and an __init__ that refuses where a stub has none.
ALLOWED = r"""
wavehax\._engine\.(Engine|Stream|F0Predictor|F0Stream)
wavehax\._engine\.(Stream|F0Stream)\.__init__
"""


def stub_file(module: str) -> str:
    return f"{module.replace('.', '/')}.pyi"


def run(*command: str | Path, cwd: Path, **environment: str) -> None:
    pytest.importorskip("mypy", reason="mypy comes with [dev]")
    environment = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_stubtest_finds_the_stubs_true(tmp_path: Path) -> None:
    stubs, allowed = tmp_path / "wavehax", tmp_path / "allowed.txt"
    for name in COMPILED:
        stub = stubs / stub_file(name)
        stub.parent.mkdir(parents=True, exist_ok=True)
        (stub.parent / "__init__.pyi").touch()
        stub.write_text((PACKAGE / stub_file(name)).read_text())
    allowed.write_text(ALLOWED)
    modules = [f"wavehax.{name}" for name in COMPILED]
    paths = {"MYPYPATH": str(tmp_path), "PYTHONPATH": str(PACKAGE.parent)}
    run("mypy.stubtest", *modules, "--allowlist", allowed, cwd=tmp_path, **paths)


@pytest.mark.slow
def test_the_public_interface_is_typed(tmp_path: Path) -> None:
    run("mypy", "--cache-dir", tmp_path, cwd=ROOT)  # of the files that pyproject.toml names


def arguments_in_stub(module: str) -> dict[str, list[str]]:
    """Names of arguments by qualified name of function; properties left out."""
    found = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                visit(child, f"{child.name}.")
            elif isinstance(child, ast.FunctionDef) and not child.decorator_list:
                found[prefix + child.name] = [argument.arg for argument in child.args.args]

    visit(ast.parse((PACKAGE / stub_file(module)).read_text()), "")
    return found


def arguments_in_binary(module: str) -> dict[str, list[str]]:
    """The same as pybind11 says them in the first line of every docstring."""
    found = {}
    compiled = importlib.import_module(f"wavehax.{module}")
    owners = {
        "": compiled,
        **{f"{name}.": value for name, value in vars(compiled).items() if isinstance(value, type)},
    }
    for prefix, owner in owners.items():
        for name, value in vars(owner).items():
            signature = (getattr(value, "__doc__", None) or "").split(" -> ")[0]
            if callable(value) and signature.startswith(f"{name}("):
                found[prefix + name] = re.findall(r"(\w+): ", signature)
    return found


@pytest.mark.parametrize("module", COMPILED)
def test_stubs_name_the_arguments_of_the_compiled_functions(module: str) -> None:
    assert arguments_in_stub(module) == arguments_in_binary(module)
