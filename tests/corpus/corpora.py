"""Folders of mels, checksums of folders, and members of tars."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import numpy as np


def write_mels(folder: Path, count: int, frames: int) -> Path:
    """Write `count` .npz files of mel and F0, and `broken.npz`, which is none."""
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


def members(path: Path) -> list[str]:
    """Names of the members of a tar."""
    with tarfile.open(path) as tar:
        return tar.getnames()
