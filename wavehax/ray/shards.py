"""The output of a corpus: shards that are whole or absent, and the manifest that they become.

Under OUTPUT lie `corpus.json`, the settings; `audio/`, `parquet/` or `tar/`, the sound; and in the
end `manifest.jsonl`, one line for every row. While a run lasts, or after it was killed, there is
`unfinished/`: temporary files, and one record for every shard that is whole. The record is written
last, so a row counts only when its shard is whole. A shard is named after the ids of its rows: who
makes it again, after a worker or a machine was lost, makes the same file with the same bits.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import shutil
import tarfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np

from wavehax.ray.results import Result, schema, table
from wavehax.ray.rows import Row

FORMS = {"files": "audio", "parquet": "parquet", "tar": "tar"}
"""Names of the forms of an output, and the folder of OUTPUT that each writes to."""

_MANIFEST, _UNFINISHED = "manifest.jsonl", "unfinished"
_ROW_GROUP = 16  # rows of a Parquet file held in memory at once: some MB of sound
_LONGEST_NAME = 200  # bytes of a part of a path, of the 255 that file systems take


class _Writer(Protocol):
    def add(self, result: Result) -> dict[str, Any]:
        """Write the sound of a row; where it lies, for its line in the manifest."""


@dataclasses.dataclass(frozen=True)
class Output:
    """A folder for the sound of a corpus; cheap to send to every worker."""

    folder: str
    form: str = "files"
    suffix: str = ".flac"

    @property
    def root(self) -> Path:
        return Path(self.folder)

    @property
    def sound(self) -> Path:
        return self.root / FORMS[self.form]

    @property
    def unfinished(self) -> Path:
        return self.root / _UNFINISHED

    def begin(self, settings: dict[str, Any], resume: bool) -> set[str]:
        """Make the folder, or look at what an earlier run left; the ids that need not be done again.

        Raises:
            FileExistsError: there is something already, and `resume` is not set.
            ValueError: it was made with other settings, whose names are given.
        """
        if (
            not resume
            and self.root.exists()
            and (not self.root.is_dir() or any(self.root.iterdir()))
        ):
            raise FileExistsError(f"{self.root}: exists already; --resume goes on with it")
        self.sound.mkdir(parents=True, exist_ok=True)
        self._keep_settings(settings)
        lines = list(self._lines()) if resume else []
        self.unfinished.mkdir(exist_ok=True)
        for path in self.unfinished.glob("*.tmp"):
            path.unlink(missing_ok=True)
        self._drop_uncommitted({line.get("shard") for line in lines})
        return {line["id"] for line in lines if line["error"] is None}

    def _keep_settings(self, settings: dict[str, Any]) -> None:
        path = self.root / "corpus.json"
        if path.exists():
            earlier = json.loads(path.read_text())
            other = [name for name in settings if earlier.get(name) != settings[name]]
            if other:
                was = ", ".join(
                    f"{name} {earlier.get(name)!r}, not {settings[name]!r}" for name in other
                )
                raise ValueError(f"{self.root}: was made with {was}: choose another folder")
        else:
            _write(path, self.root, (json.dumps(settings, indent=2) + "\n").encode())

    def _drop_uncommitted(self, committed: set[str | None]) -> None:
        """Remove shards whose record was not written any more: their rows are done again."""
        if self.form != "files":
            for path in self.sound.iterdir():
                if path.relative_to(self.root).as_posix() not in committed:
                    path.unlink()

    def done(self, name: str) -> list[dict[str, Any]] | None:
        """The lines of a shard, if it is whole."""
        try:
            lines = _read_lines(self._record(name))
        except FileNotFoundError:
            return None
        paths = {
            line[key] for line in lines for key in ("audio_filepath", "shard") if line.get(key)
        }
        return lines if all((self.root / path).exists() for path in paths) else None

    def write(self, name: str, results: Iterable[Result]) -> list[dict[str, Any]]:
        """Write a shard, one row after the other, then its record; the record's lines."""
        with self._writer(name) as writer:
            lines = [_line(writer, result) for result in results]
        _write(self._record(name), self.unfinished, _json_lines(lines))
        return lines

    def _record(self, name: str) -> Path:
        return self.unfinished / f"{name}.jsonl"

    @contextmanager
    def _writer(self, name: str) -> Iterator[_Writer]:
        if self.form == "files":
            yield _Files(self)
            return
        writer = (_Parquet if self.form == "parquet" else _Tar)(self, name)
        temporary = _temporary(self.unfinished)
        try:
            with writer.open(temporary):
                yield writer
            if writer.rows:
                os.replace(temporary, self.root / writer.path)
        finally:
            temporary.unlink(missing_ok=True)

    def finish(self, order: Sequence[str]) -> list[dict[str, Any]]:
        """Make the manifest of all records, and remove what only an unfinished run has.

        Args:
            order: all ids of the input; the manifest has a line for each, in this order.

        Returns:
            the lines of rows that failed.
        """
        lines: dict[str, dict[str, Any]] = {}
        for line in self._lines():
            if line["error"] is None or lines.get(line["id"], line)["error"] is not None:
                lines[line["id"]] = line
        ordered = [lines[id_] for id_ in order if id_ in lines]
        failed = [line for line in ordered if line["error"] is not None]
        if self.form == "parquet":
            self._write_failed(failed)
        _write(self.root / _MANIFEST, self.unfinished, _json_lines(ordered))
        shutil.rmtree(self.unfinished)
        return failed

    def _write_failed(self, failed: Sequence[dict[str, Any]]) -> None:
        """The rows without sound as a Parquet file of their own, which the next run replaces."""
        import pyarrow.parquet as pq

        path = self.sound / "failed.parquet"
        path.unlink(missing_ok=True)
        if failed:
            temporary = _temporary(self.unfinished)
            pq.write_table(
                table([Result(line["id"], error=line["error"]) for line in failed]), temporary
            )
            os.replace(temporary, path)

    def _lines(self) -> Iterator[dict[str, Any]]:
        """All lines of the manifest and of the records of an unfinished run; an id may come twice."""
        manifest = self.root / _MANIFEST
        records = sorted(self.unfinished.glob("*.jsonl")) if self.unfinished.is_dir() else []
        for path in [manifest] if manifest.exists() else []:
            yield from _read_lines(path)
        for path in records:
            yield from self.done(path.stem) or ()


class _Files:
    """One sound file for every row, in folders as ids have them."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def add(self, result: Result) -> dict[str, Any]:
        path = self._output.sound / _file_name(result.id, self._output.suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, self._output.unfinished, result.audio)
        return {"audio_filepath": path.relative_to(self._output.root).as_posix()}


class _Parquet:
    """Rows as `schema()` has them."""

    def __init__(self, output: Output, name: str) -> None:
        self.path = f"{FORMS['parquet']}/{name}.parquet"
        self.rows = 0
        self._pending: list[Result] = []

    @contextmanager
    def open(self, path: Path) -> Iterator[None]:
        import pyarrow.parquet as pq

        with pq.ParquetWriter(path, schema(), compression={"f0": "zstd", "audio": "none"}) as file:
            self._file = file
            yield
            self._flush()

    def add(self, result: Result) -> dict[str, Any]:
        self.rows += 1
        self._pending.append(result)
        if len(self._pending) == _ROW_GROUP:
            self._flush()
        return {"shard": self.path}

    def _flush(self) -> None:
        if self._pending:
            self._file.write_table(table(self._pending))
            self._pending = []


class _Tar:
    """A WebDataset tar: `KEY.flac`, `KEY.f0.npy` and `KEY.json` of every row."""

    def __init__(self, output: Output, name: str) -> None:
        self.path = f"{FORMS['tar']}/{name}.tar"
        self.rows = 0
        self._suffix = output.suffix

    @contextmanager
    def open(self, path: Path) -> Iterator[None]:
        with tarfile.open(path, "w") as self._file:
            yield

    def add(self, result: Result) -> dict[str, Any]:
        self.rows += 1
        key, f0 = _tar_key(result.id), io.BytesIO()
        np.save(f0, result.f0)
        self._member(key + self._suffix, result.audio)
        self._member(f"{key}.f0.npy", f0.getvalue())
        self._member(f"{key}.json", json.dumps(result.line()).encode())
        return {"shard": self.path}

    def _member(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)  # of the year 1970, so that the same rows are the same bytes
        member.size = len(content)
        self._file.addfile(member, io.BytesIO(content))


def shard_name(number: int, rows: Sequence[Row]) -> str:
    """The name of a shard: its place in the input, and the ids of its rows."""
    ids = "\0".join(row.id for row in rows).encode()
    return f"{number:06d}-{hashlib.blake2b(ids, digest_size=6).hexdigest()}"


def _line(writer: _Writer, result: Result) -> dict[str, Any]:
    """The line of a row in the manifest, once it is written."""
    place: dict[str, Any] = {}
    if result.error is None:
        try:
            place = writer.add(result)
        except (ValueError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            result = Result(result.id, error=str(error))
    return {"id": result.id, **place, **result.line()}


def _file_name(row_id: str, suffix: str) -> str:
    """The file of a row below the folder of sound; ValueError for an id that is no relative path."""
    path = PurePosixPath(row_id)
    if path.is_absolute() or ".." in path.parts or "\0" in row_id or path.name == "":
        raise ValueError(f"id {row_id!r}: expected a relative path without '..'")
    if max(len(os.fsencode(part)) for part in path.parts) > _LONGEST_NAME:
        raise ValueError(
            f"id {row_id[:40]!r}...: expected at most {_LONGEST_NAME} bytes between slashes"
        )
    return f"{path}{suffix}"


def _tar_key(row_id: str) -> str:
    """A key of WebDataset, which ends at the first dot of a name: where there is one, it is replaced."""
    name = _file_name(row_id, "")
    if "." in PurePosixPath(name).name:
        name = (
            f"{name.replace('.', '_')}-{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"
        )
    return name


def _temporary(folder: Path) -> Path:
    return folder / f"{uuid.uuid4().hex}.tmp"


def _write(path: Path, folder: Path, content: bytes) -> None:
    """A file, whole or absent: written in `folder` of the same file system, then renamed."""
    temporary = _temporary(folder)
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _json_lines(lines: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _read_lines(path: Path) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]
