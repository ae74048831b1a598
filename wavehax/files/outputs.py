"""Output files that are either whole or absent."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary name beside `path` to write to: renamed to `path` when the block ends well,
    removed when it does not.

    Raises:
        FileExistsError: `path` exists and `overwrite` is not set; said before the block runs.
        OSError: the folder is missing, or cannot be written.
    """
    path = Path(path)
    refuse_existing(path, overwrite)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder")
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise OSError(f"{path}: cannot be written ({error.strerror})") from error
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise FileExistsError for a file that must not be replaced, OSError for what is no file
    (folder, device)."""
    if path.exists() and not path.is_file():
        raise OSError(f"{path}: exists, and is not a file")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path}: exists already; replace it with --force (overwrite=True)")
