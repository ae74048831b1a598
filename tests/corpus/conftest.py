"""A corpus of small mels and a small model, and what one process makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpora import write_mels
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
