"""Where a model file is: a path, a folder, the name of a shipped model, or a repository of the
Hugging Face hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from wavehax.errors import ModelError, one_line, optional_module

DEFAULT_MODEL = "vocos-24k"
"""Name of the shipped model that `load()` takes."""

MODEL_FILE, CARD_FILE = "model.safetensors", "README.md"
"""What a folder, or a repository, of one model holds; the card is for people and may be missing."""

_MODELS = Path(__file__).parent
_REPOSITORY = re.compile(r"(?P<id>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>\w[\w./-]*))?", re.ASCII)


def model_path(path_or_name: str | os.PathLike[str] | None = None) -> Path:
    """The file that `load` reads for this name or path. Only a repository that is no path here is
    fetched.

    Raises:
        ModelError: no such model, or it cannot be fetched.
        ModuleNotFoundError: it would have to be fetched, and huggingface_hub is not installed.
    """
    name = DEFAULT_MODEL if path_or_name is None else path_or_name
    if isinstance(name, str) and name in shipped_models():
        return _MODELS / f"{name}.safetensors"
    path = Path(name)
    if path.is_dir():
        return _file_of(path, path)
    if path.exists() or not isinstance(name, str) or name.endswith(".safetensors"):
        return path
    repository = _REPOSITORY.fullmatch(name)
    if repository is not None:
        return _file_of(_fetch(name, repository["id"], repository["revision"]), name)
    if path.name == name:
        raise ModelError(
            f"{name}: no model of this name is shipped; there is"
            f" {', '.join(shipped_models()) or 'none'}"
        )
    return path


def is_repository(path_or_name: str | os.PathLike[str] | None) -> bool:
    """Whether this names a repository of the hub, without a revision, and no path here."""
    if not isinstance(path_or_name, str):
        return False
    found = _REPOSITORY.fullmatch(path_or_name)
    return found is not None and found["revision"] is None and not Path(path_or_name).exists()


def card_path(path: Path) -> Path | None:
    """The card beside a model file, where there is one."""
    card = path.with_name(CARD_FILE) if path.name == MODEL_FILE else path.with_suffix(".md")
    return card if card.is_file() else None


def shipped_models() -> list[str]:
    """Names of the models that came with the package."""
    return sorted(path.stem for path in _MODELS.glob("*.safetensors"))


def _file_of(folder: Path, name: str | Path) -> Path:
    if not (folder / MODEL_FILE).is_file():
        raise ModelError(f"{name}: holds no {MODEL_FILE}")
    return folder / MODEL_FILE


def _fetch(name: str, repository: str, revision: str | None) -> Path:
    """A folder with the model and card of a repository: what is in the cache already is not fetched
    again."""
    purpose = f"{name}: no such file or folder here, and as a repository of the Hugging Face hub it"
    hub = optional_module("huggingface_hub", purpose, "wavehax[hub]")
    try:
        return Path(
            hub.snapshot_download(
                repository, revision=revision, allow_patterns=[MODEL_FILE, CARD_FILE]
            )
        )
    except Exception as error:  # of the hub, of its HTTP client, of the network: a type for each
        raise ModelError(
            f"{name}: no such file or folder here, and not to be had from the hub:"
            f" {one_line(error)}"
        ) from error
