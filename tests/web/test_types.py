"""The types of the package: as a program in TypeScript sees them, and as JavaScript has them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wavehax.checkpoint import configuration, load_model
from wavehax.models.locate import model_path, shipped_models

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "web" / "wavehax.js"
PROGRAM = Path(__file__).with_name("types.mts")
TYPES = PACKAGE.with_suffix(".d.ts").read_text()
FLAGS = ("--strict", "--noEmit", "--target", "es2022", "--module", "node16")
Errors = Callable[[Path], list[str]]


@pytest.fixture(scope="session")
def errors() -> Errors:
    """Compiles a file with the types beside wavehax.js, and gives what the compiler refuses."""
    program = shutil.which("tsc")
    if program is None:
        pytest.skip("needs tsc: npm install --global typescript, or Debian's node-typescript")

    def run(path: Path) -> list[str]:
        done = subprocess.run([program, *FLAGS, str(path)], capture_output=True, text=True)
        refused = re.findall(r"^.*\berror TS\d+: .*$", done.stdout, re.M)
        assert (done.returncode == 0) == (refused == []), done.stdout + done.stderr
        return refused

    return run


@pytest.mark.slow
def test_a_program_compiles_and_its_wrong_uses_do_not(errors: Errors) -> None:
    """A line behind `@ts-expect-error` that the compiler takes is an error itself."""
    assert errors(PROGRAM) == []


def test_the_program_uses_every_name_of_the_types() -> None:
    found = re.search(r"import {(.*?)} from (.*)", PROGRAM.read_text(), re.S)
    imported, uses = found.groups()
    names = set(re.findall(r"^export (?:type|interface|class|function) (\w+)", TYPES, re.M))
    assert names == set(re.findall(r"\b(\w+),", imported))
    assert [name for name in names if not re.search(rf"\b{name}\b", uses)] == []


@pytest.mark.slow
def test_the_types_export_what_the_package_does(errors: Errors, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    code = "import(process.argv[1]).then((all) => console.log(JSON.stringify(Object.keys(all))))"
    done = subprocess.run(
        [node, "-e", code, PACKAGE.as_uri()], capture_output=True, text=True, check=True
    )
    exported = dict.fromkeys(json.loads(done.stdout), True)
    program = tmp_path / "names.mts"
    program.write_text(f"""import * as wavehax from {json.dumps(PACKAGE.as_posix())};
type Names = Record<keyof typeof wavehax, true>;
export const all: Names = {json.dumps(exported)};
// @ts-expect-error: one is missing
export const fewer: Names = {json.dumps(dict(list(exported.items())[1:]))};
// @ts-expect-error: one is too many
export const more: Names = {json.dumps({**exported, "other": True})};
""")
    assert errors(program) == []


def test_the_classes_of_the_types_have_the_methods_of_the_package() -> None:
    source = "".join(path.read_text() for path in PACKAGE.parent.glob("*.js"))
    for name in ("Vocoder", "Stream", "MelStream", "LiveVoice", "WorkerVocoder"):
        declared = methods(body(TYPES, f"export class {name} "))
        defined = methods(body(source, f"export class {name} "))
        assert declared == defined - {"call", "checkPredicted", "checkedPitch"}, name


def body(text: str, start: str) -> str:
    return text[text.index(start) :].split("\n}\n")[0]


def methods(text: str) -> set[str]:
    """Public methods of a class: two spaces, a name, a bracket."""
    return set(re.findall(r"^  (\w+)\(", text, re.M)) - {"constructor"}


@pytest.mark.slow
def test_the_configs_of_the_shipped_models_have_their_type(errors: Errors, tmp_path: Path) -> None:
    configs = [configuration(load_model(model_path(name))) for name in shipped_models()]
    program = tmp_path / "configs.mts"
    program.write_text(
        f"import type {{ ModelConfig }} from {json.dumps(PACKAGE.as_posix())};\n"
        f"export const configs: ModelConfig[] = {json.dumps(configs)};\n"
    )
    assert errors(program) == []
