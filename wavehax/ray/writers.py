"""Writes the sound of a shard: as sound files, a Parquet file, or a WebDataset tar."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import uuid
from pathlib import Path, PurePosixPath

import numpy as np

from wavehax.ray.results import Result, schema, table

_ROW_GROUP = 16  # rows of a Parquet file held in memory at once: some MB of sound
_LONGEST_NAME = 200  # bytes of a part of a path, of the 255 that file systems take


class Files:
    """One sound file for every row, in folders as ids have them."""

    def __init__(self, folder: Path, unfinished: Path, suffix: str) -> None:
        self._folder, self._unfinished, self._suffix = folder, unfinished, suffix

    def add(self, result: Result) -> Path:
        """Write the file of a row; where it lies."""
        path = self._folder / (_relative_path(result.id) + self._suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, self._unfinished, result.made()[0])
        return path


class ParquetShard:
    """A Parquet file of the columns of `schema()`."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        # Sound is compressed already.
        self._file = pq.ParquetWriter(path, schema(), compression={"f0": "zstd", "audio": "none"})
        self._pending: list[Result] = []

    def add(self, result: Result) -> None:
        """Take a row, and write it with others."""
        self._pending.append(result)
        if len(self._pending) == _ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._pending:
            self._file.write_table(table(self._pending))
            self._pending = []


class TarShard:
    """A WebDataset tar: `KEY.flac`, `KEY.f0.npy` and `KEY.json` of every row."""

    def __init__(self, path: Path, suffix: str) -> None:
        self._file = tarfile.open(path, "w")  # noqa: SIM115 - `close` closes it
        self._suffix = suffix

    def add(self, result: Result) -> None:
        """Write the members of a row."""
        key, f0_file = _tar_key(result.id), io.BytesIO()
        audio, f0 = result.made()
        np.save(f0_file, f0)
        self._add_member(key + self._suffix, audio)
        self._add_member(f"{key}.f0.npy", f0_file.getvalue())
        self._add_member(f"{key}.json", json.dumps(result.line()).encode())

    def _add_member(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)  # of the year 1970, so that the same rows are the same bytes
        member.size = len(content)
        self._file.addfile(member, io.BytesIO(content))

    def close(self) -> None:
        """Write the end of the tar."""
        self._file.close()


def write_whole(path: Path, folder: Path, content: bytes) -> None:
    """Write a file that is whole or absent: in `folder`, of the same file system, then renamed."""
    temporary = temporary_path(folder)
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_path(folder: Path) -> Path:
    """A name that nothing else has."""
    return folder / f"{uuid.uuid4().hex}.tmp"


def _relative_path(row_id: str) -> str:
    """The id as a path below a folder; ValueError where it would lead out of it."""
    path = PurePosixPath(row_id)
    if path.is_absolute() or ".." in path.parts or "\0" in row_id or path.name == "":
        raise ValueError(f"id {row_id!r}: expected a relative path without '..'")
    if max(len(os.fsencode(part)) for part in path.parts) > _LONGEST_NAME:
        raise ValueError(
            f"id {row_id[:40]!r}...: expected at most {_LONGEST_NAME} bytes between slashes"
        )
    return str(path)


def _tar_key(row_id: str) -> str:
    """The id as a key of WebDataset, which ends at the first dot of a name: dots are replaced."""
    path = PurePosixPath(_relative_path(row_id))
    if "." not in path.name:
        return str(path)
    digest = hashlib.blake2b(row_id.encode(), digest_size=4).hexdigest()
    return str(path.with_name(f"{path.name.replace('.', '_')}-{digest}"))
