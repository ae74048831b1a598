"""Checkpoints: a folder of pieces small enough to be carried between machines, complete or absent.

    RUN_DIR/checkpoints/step-00005000/
        index.json    all values but tensors, and for every tensor the piece that holds it
        000.pt ...    mappings of name to tensor, each at most 15 MiB unless one tensor is larger

A folder is written and synced under a temporary name and then renamed, so that a run that is killed
at any moment finds its last checkpoint whole. Nothing in one is executed: the tensors are read with
`weights_only`.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wavehax.models.locate import MODEL_FILE, shipped_models

_PIECE_BYTES = 15 * 2**20
_PREFIX = "step-"
_DAMAGES = (
    RuntimeError,
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
)


def save_state(
    folder: Path, step: int, tensors: Mapping[str, Tensor], values: dict[str, Any], keep: int
) -> Path:
    """Write the checkpoint of `step` into `folder` and remove all but the newest `keep`.

    Args:
        folder: that of all checkpoints of a run, made if need be.
        step: names the checkpoint.
        tensors: by any names.
        values: JSON types.
        keep: how many checkpoints stay, this one among them.

    Returns:
        The folder of the checkpoint.

    Raises:
        OSError: it cannot be written; the earlier ones are as they were.
    """
    path = folder / f"{_PREFIX}{step:08d}"
    if path in _complete(folder):  # the run was taken up and has made no step
        return path
    temporary = path.with_suffix(".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    where = {}
    for i, piece in enumerate(_pieces(tensors)):
        with open(temporary / f"{i:03d}.pt", "wb") as file:
            torch.save(piece, file)
            _sync(file)
        where.update(dict.fromkeys(piece, i))
    with open(temporary / "index.json", "w") as file:
        json.dump({**values, "step": step, "tensors": where}, file)
        _sync(file)
    os.replace(temporary, path)
    for old in _complete(folder)[:-keep]:
        os.replace(old, old.with_suffix(".tmp"))  # half removed, it must not pass for a checkpoint
    for leftover in folder.glob(f"{_PREFIX}*.tmp"):
        shutil.rmtree(leftover)
    return path


def newest(folder: Path) -> Path | None:
    """The newest complete checkpoint in the folder of a run's checkpoints, or None."""
    complete = _complete(folder)
    return complete[-1] if complete else None


def checkpoint_of(path: Path) -> Path:
    """The newest checkpoint of a run's folder, or `path` itself where that is a checkpoint.

    Raises:
        FileNotFoundError: it is neither.
    """
    checkpoint = newest(path / "checkpoints") or path
    if not (checkpoint / "index.json").is_file():
        raise FileNotFoundError(f"{path}: neither a run with a checkpoint nor a checkpoint")
    return checkpoint


def last_checkpoints(run_dir: Path, count: int) -> list[Path]:
    """The newest `count` checkpoints of a run, in the order of their steps.

    Raises:
        FileNotFoundError: the run has fewer.
    """
    complete = _complete(run_dir / "checkpoints")
    if len(complete) < count:
        raise FileNotFoundError(
            f"{run_dir}: has {len(complete)} checkpoints: expected {count} or more;"
            " keep_checkpoints of a config says how many stay"
        )
    return complete[-count:]


def is_run(name: str) -> bool:
    """Whether `name` is an existing folder of a run or a checkpoint, and not a model."""
    path = Path(name)
    return name not in shipped_models() and path.is_dir() and not (path / MODEL_FILE).is_file()


def load_values(path: Path) -> dict[str, Any]:
    """Read the values of a checkpoint, as `load_state` gives them, without its tensors.

    Raises:
        OSError: there is no such checkpoint, or it cannot be read.
        ValueError: it is damaged, or no checkpoint.
    """
    return _read_index(path)[0]


def load_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors (to the CPU) and values of a checkpoint; `values["step"]` is its step.

    Raises:
        OSError: there is no such checkpoint, or it cannot be read.
        ValueError: it is damaged, or no checkpoint.
    """
    values, where = _read_index(path)
    try:
        tensors: dict[str, Tensor] = {}
        for i in sorted(set(where.values())):
            tensors |= torch.load(path / f"{int(i):03d}.pt", map_location="cpu", weights_only=True)
        missing = sorted(set(where) ^ set(tensors))
    except _DAMAGES as error:
        raise ValueError(f"{path}: damaged, or no training checkpoint") from error
    if missing or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise ValueError(
            f"{path}: damaged, {missing[0] if missing else 'a tensor'} is not in its piece"
        )
    return tensors, values


def _read_index(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of a checkpoint, and for every tensor the piece that holds it."""
    try:
        values = json.loads((path / "index.json").read_text())
        return values, values.pop("tensors")
    except _DAMAGES as error:
        raise ValueError(f"{path}: damaged, or no training checkpoint") from error


def flatten(prefix: str, state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a nested state_dict under dotted names; `unflatten` reads them back."""
    flat: dict[str, Tensor] = {}
    for key, value in state.items():
        name = f"{prefix}/{key}"
        if isinstance(value, Mapping):
            flat |= flatten(name, value)
        elif isinstance(value, Tensor):
            flat[name] = value
    return flat


def unflatten(prefix: str, tensors: Mapping[str, Tensor]) -> dict[Any, Any]:
    """The nested mapping that `flatten` took apart.

    Keys that are numbers become integers, as in the state of an optimiser.
    """
    nested: dict[Any, Any] = {}
    for name, value in tensors.items():
        if not name.startswith(prefix + "/"):
            continue
        *folders, last = name.removeprefix(prefix + "/").split("/")
        target = nested
        for folder in folders:
            target = target.setdefault(int(folder) if folder.isdigit() else folder, {})
        target[last] = value
    return nested


def _pieces(tensors: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    piece: dict[str, Tensor] = {}
    size = 0
    for name, value in tensors.items():
        # torch.save writes the whole storage of a tensor, so each gets a storage of its own.
        tensor = value.detach().cpu().clone()
        if piece and size + tensor.nbytes > _PIECE_BYTES:
            yield piece
            piece, size = {}, 0
        piece[name] = tensor
        size += tensor.nbytes
    yield piece


def _complete(folder: Path) -> list[Path]:
    paths = folder.glob(f"{_PREFIX}*") if folder.is_dir() else []
    return sorted(
        path for path in paths if path.suffix != ".tmp" and (path / "index.json").is_file()
    )


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
