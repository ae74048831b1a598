"""A corpus of small mels and a small model, and what one process makes of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tiny_models import tiny_model, with_f0

from wavehax.checkpoint import save_model


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 10 bands that predicts F0."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(path, with_f0(tiny_model("tiny_wavehax_frame")))
    return path


@pytest.fixture
def mels(tmp_path: Path) -> Path:
    """A folder of six mels, two of them in a folder of it, and one file that is no mel."""
    return write_mels(tmp_path / "mels", 6, frames=50)


def write_mels(folder: Path, count: int, frames: int) -> Path:
    """So many .npz of mel and F0, and `broken.npz`."""
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / ("deep" if number % 3 == 2 else "") / f"{number:03d}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        mel = rng.standard_normal((10, frames)).astype(np.float32)
        f0 = np.where(np.arange(frames) % 13 < 9, 150.0 + number, 0)
        np.savez(path, mel=mel, f0=f0.astype(np.float32))
    (folder / "broken.npz").write_bytes(b"this is no mel")
    return folder


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
