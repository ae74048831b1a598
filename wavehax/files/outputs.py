"""Output files that are either whole or absent."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_lock = threading.Lock()  # held while a temporary file begins or ends
_temporaries: set[Path] = set()


@contextmanager
def replacing(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary name beside `path`, to which the block writes.

    The file is renamed to `path` when the block ends well, and removed when it does not.

    Raises:
        FileExistsError: `path` exists and `overwrite` is not set; raised before the block runs.
        OSError: the folder is missing, or cannot be written.
    """
    path = Path(path)
    refuse_existing(path, overwrite)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder")
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with _lock:
            temporary.touch(exist_ok=False)
            _temporaries.add(temporary)
    except OSError as error:
        raise OSError(f"{path}: cannot be written ({error.strerror})") from error
    try:
        yield temporary
        with _lock:
            os.replace(temporary, path)
    finally:
        with _lock:
            temporary.unlink(missing_ok=True)
            _temporaries.discard(temporary)


def exit_now(code: int) -> None:
    """End the process without waiting for its threads, and leave no temporary file of theirs.

    A thread inside the engine cannot be interrupted, and may need minutes for a long utterance.
    """
    _lock.acquire()  # for good: no file begins or is renamed any more
    for _ in range(2):
        for temporary in _temporaries:
            temporary.unlink(missing_ok=True)
        time.sleep(0.05)  # one may have been begun, and be opened by its name only now
    os._exit(code)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise FileExistsError for a file that must not be replaced.

    Raise OSError for a folder or a device.
    """
    if path.exists() and not path.is_file():
        raise OSError(f"{path}: exists, and is not a file")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path}: exists already; replace it with --force (overwrite=True)")
