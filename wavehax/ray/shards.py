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
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wavehax.errors import one_line
from wavehax.ray.results import Result, table
from wavehax.ray.rows import Row
from wavehax.ray.writers import Files, ParquetShard, TarShard, temporary_path, write_whole

FORMS = {"files": "audio", "parquet": "parquet", "tar": "tar"}
"""Names of the forms of an output, and the folder of OUTPUT that each writes to."""

_MANIFEST, _UNFINISHED = "manifest.jsonl", "unfinished"


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
        """Make the folder, or look at what an earlier run left; the ids that are done.

        Raises:
            FileExistsError: there is something already, and `resume` is not set.
            ValueError: it was made with other settings, whose names are given.
        """
        is_free = not self.root.exists() or (self.root.is_dir() and not any(self.root.iterdir()))
        if not (resume or is_free):
            raise FileExistsError(f"{self.root}: exists already; --resume goes on with it")
        self.sound.mkdir(parents=True, exist_ok=True)
        self._keep_settings(settings)
        earlier = self._merged()
        if earlier:
            write_whole(self.root / _MANIFEST, self.root, _json_lines(earlier.values()))
        shutil.rmtree(self.unfinished, ignore_errors=True)
        self.unfinished.mkdir()
        self._drop_uncommitted({line.get("shard") for line in earlier.values()})
        return {id_ for id_, line in earlier.items() if line["error"] is None}

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
            write_whole(path, self.root, (json.dumps(settings, indent=2) + "\n").encode())

    def _drop_uncommitted(self, committed: set[str | None]) -> None:
        """Remove shards whose record was not written any more: their rows are done again."""
        if self.form != "files":
            for path in self.sound.iterdir():
                if self._relative(path) not in committed:
                    path.unlink()

    def done(self, name: str) -> list[dict[str, Any]] | None:
        """The manifest lines of a shard that an earlier run finished, or None."""
        lines = _read_lines(self._record(name))
        return lines if lines and all(map(self._is_there, lines)) else None

    def write(self, name: str, results: Iterable[Result]) -> list[dict[str, Any]]:
        """Write a shard row by row, then its record; return the lines of the record."""
        with self._writer(name) as add:
            lines = [_line(add, result) for result in results]
        write_whole(self._record(name), self.unfinished, _json_lines(lines))
        return lines

    def _record(self, name: str) -> Path:
        return self.unfinished / f"{name}.jsonl"

    @contextmanager
    def _writer(self, name: str) -> Iterator[Callable[[Result], dict[str, Any]]]:
        """Yield a function that writes the sound of a row and returns its place in the output."""
        if self.form == "files":
            files = Files(self.sound, self.unfinished, self.suffix)
            yield lambda result: {"audio_filepath": self._relative(files.add(result))}
            return
        temporary = temporary_path(self.unfinished)
        parquet = self.form == "parquet"
        shard = ParquetShard(temporary) if parquet else TarShard(temporary, self.suffix)
        path, rows = self.sound / f"{name}.{self.form}", 0

        def add(result: Result) -> dict[str, Any]:
            nonlocal rows
            shard.add(result)
            rows += 1
            return {"shard": self._relative(path)}

        try:
            yield add
            shard.close()
            if rows:
                os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def finish(self, order: Sequence[str]) -> list[dict[str, Any]]:
        """Make the manifest of all records, and remove what only an unfinished run has.

        Args:
            order: all ids of the input; the manifest has a line for each, in this order.

        Returns:
            the lines of rows that failed.
        """
        lines = self._merged()
        ordered = [lines[id_] for id_ in order if id_ in lines]
        failed = [line for line in ordered if line["error"] is not None]
        if self.form == "parquet":
            self._write_failed(failed)
        write_whole(self.root / _MANIFEST, self.unfinished, _json_lines(ordered))
        shutil.rmtree(self.unfinished)
        return failed

    def _write_failed(self, failed: Sequence[dict[str, Any]]) -> None:
        """The rows without sound as a Parquet file of their own, which the next run replaces."""
        import pyarrow.parquet as pq

        path = self.sound / "failed.parquet"
        path.unlink(missing_ok=True)
        if failed:
            temporary = temporary_path(self.unfinished)
            pq.write_table(
                table([Result(line["id"], error=line["error"]) for line in failed]), temporary
            )
            os.replace(temporary, path)

    def _merged(self) -> dict[str, dict[str, Any]]:
        """The lines by id of the manifest, and of the records of an unfinished run.

        A row that failed at first and not later has no error; one whose sound is gone has no line.
        """
        merged: dict[str, dict[str, Any]] = {}
        for path in (self.root / _MANIFEST, *sorted(self.unfinished.glob("*.jsonl"))):
            for line in _read_lines(path):
                failed_before = merged.get(line["id"], line)["error"] is not None
                if self._is_there(line) and (line["error"] is None or failed_before):
                    merged[line["id"]] = line
        return merged

    def _is_there(self, line: dict[str, Any]) -> bool:
        """Whether the sound of a line exists, if it should."""
        path = line.get("audio_filepath") or line.get("shard")
        return path is None or (self.root / path).exists()


def shard_name(number: int, rows: Sequence[Row]) -> str:
    """The name of a shard: its place in the input, and the ids of its rows."""
    ids = "\0".join(row.id for row in rows).encode()
    return f"{number:06d}-{hashlib.blake2b(ids, digest_size=6).hexdigest()}"


def _line(add: Callable[[Result], dict[str, Any]], result: Result) -> dict[str, Any]:
    """The line of a row in the manifest, once it is written."""
    place: dict[str, Any] = {}
    if result.error is None:
        try:
            place = add(result)
        except (ValueError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            result = Result(result.id, error=one_line(error))  # its id is to blame, not the disk
    return {"id": result.id, **place, **result.line()}


def _json_lines(lines: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file; none where it does not exist."""
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []
