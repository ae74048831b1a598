"""What the tests of the browser package need, and where it is looked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from chromium import Chromium, Page, find_chromium

import wavehax

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wasm() -> Path:
    """The compiled engine."""
    path = os.environ.get("WAVEHAX_WASM")
    if not path:
        pytest.skip(
            "WAVEHAX_WASM is not set: csrc/wasm/build.sh makes web/wavehax.wasm, the path to give"
        )
    return Path(path).resolve(strict=True)


@pytest.fixture(scope="session")
def site(wasm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the clone once wavehax.wasm is built, with all that the page asks for."""
    root = tmp_path_factory.mktemp("site")
    (root / "web").mkdir()
    for path in (ROOT / "web").iterdir():
        if path.name != "wavehax.wasm":
            (root / "web" / path.name).symlink_to(path)
    (root / "web" / "wavehax.wasm").symlink_to(wasm)
    (root / "docs").symlink_to(ROOT / "docs")
    (root / "tests").symlink_to(ROOT / "tests")
    (root / "wavehax").mkdir()
    (root / "wavehax" / "models").symlink_to(Path(wavehax.__file__).parent / "models")
    return root


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Where `python -m http.server` serves it, with a slash at its end."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with subprocess.Popen(
        command, cwd=site, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            yield server.stdout.readline().split("(")[1].split(")")[0]
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def browser(wasm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Its microphone hears the recording of tests/data, over and over."""
    program = find_chromium()
    if program is None:
        pytest.skip("needs chromium")
    microphone = f"--use-file-for-fake-audio-capture={ROOT / 'tests' / 'data' / 'recording.wav'}"
    with Chromium(program, tmp_path_factory.mktemp("chromium"), microphone) as chromium:
        yield chromium


@pytest.fixture
def package(browser: Chromium, address: str) -> Iterator[Page]:
    """A page of the site with nothing in it, where `import("/web/wavehax.js")` works."""
    page = browser.new_page(f"{address}tests/web/blank.html")
    yield page
    page.close()


@pytest.fixture(scope="session")
def node(
    wasm: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., dict[str, np.ndarray]]:
    """Runs tests/web/package.mjs in node: `inputs` are float32 arrays by name; so is the result."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs node")

    def run(task: str, model: Path, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        folder = tmp_path_factory.mktemp(task)
        for name, values in inputs.items():
            np.ascontiguousarray(values, np.float32).tofile(folder / f"{name}.in")
        command = [program, Path(__file__).with_name("package.mjs"), task, wasm, model, folder]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return {path.stem: np.fromfile(path, np.float32) for path in folder.glob("*.out")}

    return run


@pytest.fixture(scope="session")
def portable() -> wavehax.Vocoder:
    """The default model by the kernels that WebAssembly has."""
    return wavehax.load(isa="portable")
