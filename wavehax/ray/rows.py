"""What a corpus consists of: rows, listed from folders, tables, manifests and WebDataset tars.

A row says where its content lies and does not hold it, so that a list of millions is small.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import glob
import gzip
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from wavehax.mel.files import SUFFIXES as MEL_SUFFIXES

if TYPE_CHECKING:
    import pyarrow as pa

SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
PATH_COLUMNS = ("path", "audio_filepath", "mel_filepath", "file")
"""Columns of a table that may hold the path of a row, relative to the folder of the table."""


@dataclasses.dataclass(slots=True)
class Row:
    """One recording or mel: a file, some bytes of a tar, or a cell of a Parquet file."""

    id: str
    path: str
    start: float | None = None
    """Start of the part of a recording, in seconds; `start`, `duration` and `channel` are as in
    `read_audio`."""
    duration: float | None = None
    channel: int | None = None
    offset: int | None = None
    """First byte of a member of the tar `path`, which has `size` bytes."""
    size: int | None = None
    group: int | None = None
    """Row group of a cell of the Parquet file `path`; `index` is its row within the group."""
    index: int | None = None

    def content(self) -> bytes | None:
        """Return the bytes of the recording or mel, or None where they are the file `path`."""
        if self.offset is not None:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                return file.read(self.size)
        if self.group is not None:
            return _cells(self.path, self.group)[self.index].as_py()
        return None


def list_rows(source: str, resynth: bool) -> list[Row]:
    """List the rows of a folder, table, manifest or tar, or of a pattern; ids are unique.

    Args:
        source: a folder (of sound or mel files in any depth, or else of .tar or .parquet files); a
            .parquet, .csv, .tsv, .jsonl or .json file, or one of the last two compressed as .gz;
            a .tar; or a pattern such as "shards/*.tar".
        resynth: rows are recordings and not mels.

    Raises:
        FileNotFoundError: there is nothing there.
        ValueError: no rows, a table without a known column, or an id that two rows have.
    """
    suffixes = SOUND_SUFFIXES if resynth else MEL_SUFFIXES
    path = Path(source)
    if path.is_dir():
        rows = _folder_rows(path, suffixes)
    else:
        files = (
            [path]
            if path.exists()
            else [Path(name) for name in sorted(glob.glob(source, recursive=True))]
        )
        if not files:
            raise FileNotFoundError(f"{source}: no such file or folder")
        rows = _file_rows(files, suffixes)
    return _unique(rows, source)


def _unique(rows: Iterable[Row], source: str) -> list[Row]:
    listed: list[Row] = []
    seen: dict[str, str] = {}
    for row in rows:
        if row.id in seen:
            other = seen[row.id]
            raise ValueError(f"{source}: {other} and {row.path} have the same id {row.id!r}")
        seen[row.id] = row.path
        listed.append(row)
    if not listed:
        raise ValueError(f"{source}: there are no rows")
    return listed


def _folder_rows(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Row]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    wanted = [path for path in files if path.suffix.lower() in suffixes]
    for path in wanted:
        yield Row(_file_id(path.relative_to(folder)), str(path.absolute()))
    if not wanted:
        shards = [path for path in files if path.suffix.lower() in (".tar", ".parquet")]
        if not shards:
            raise ValueError(f"{folder}: has no {', '.join(suffixes)}, .tar or .parquet files")
        yield from _file_rows(shards, suffixes)


def _file_rows(files: list[Path], suffixes: tuple[str, ...]) -> Iterator[Row]:
    for path in files:
        kind = (
            path.suffix.lower()
            if path.suffix.lower() != ".gz"
            else path.with_suffix("").suffix.lower()
        )
        if kind == ".tar":
            yield from _tar_rows(path, suffixes)
        elif kind == ".parquet":
            yield from _parquet_rows(path)
        elif kind in (".csv", ".tsv"):
            with _text(path) as file:
                yield from _table_rows(
                    csv.DictReader(file, delimiter="\t" if kind == ".tsv" else ","), path
                )
        elif kind in (".jsonl", ".json"):
            yield from _table_rows(_json_lines(path), path)
        elif kind in suffixes:
            yield Row(
                _file_id(path if not path.is_absolute() else Path(path.name)), str(path.absolute())
            )
        else:
            raise ValueError(
                f"{path}: unknown kind of input {path.suffix!r}; expected a folder, .parquet, .csv,"
                f" .tsv, .jsonl, .tar or one of {', '.join(suffixes)}"
            )


def _text(path: Path) -> TextIO:
    return (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else open(path, encoding="utf-8")
    )


def _json_lines(path: Path) -> Iterator[dict]:
    with _text(path) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except json.JSONDecodeError as error:
                    raise ValueError(f"{path}: line {number} is not JSON ({error.msg})") from error


def _table_rows(lines: Iterable[Mapping[str, Any]], path: Path) -> Iterator[Row]:
    for number, line in enumerate(lines):
        try:
            yield _cut(line, path.parent) if "recording" in line else _line(line, path.parent)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: row {number}: {error}") from error


def _line(line: Mapping[str, Any], folder: Path) -> Row:
    """A line of a table: NeMo's names for the part of a recording are `offset` and `duration`."""
    found = next((line[name] for name in PATH_COLUMNS if line.get(name)), None)
    if found is None:
        raise ValueError(
            f"has {', '.join(line)}: expected one of {', '.join(PATH_COLUMNS)}, or recording"
        )
    start = _number(line.get("start", line.get("offset")))
    # A duration alone describes the file in many manifests, rounded: it cuts nothing off.
    duration = _number(line.get("duration")) if start is not None else None
    row_id = line.get("id") or line.get("utt_id") or _file_id(Path(found))
    channel = line.get("channel")
    return Row(
        str(row_id),
        str((folder / found).absolute()),
        start=start,
        duration=duration,
        channel=None if channel in (None, "") else int(channel),
    )


def _cut(line: Mapping[str, Any], folder: Path) -> Row:
    """A cut of Lhotse (`MonoCut`) that lies in one file."""
    sources = line["recording"]["sources"]
    if len(sources) != 1 or sources[0]["type"] != "file":
        raise ValueError(f"cut {line['id']}: expected a recording of one source of type 'file'")
    channel = line.get("channel", 0)
    if not isinstance(channel, int):
        raise ValueError(f"cut {line['id']}: channel is {channel}: expected one number")
    channels = sources[0].get("channels", [0])
    return Row(
        str(line["id"]),
        str((folder / sources[0]["source"]).absolute()),
        start=float(line.get("start", 0.0)),
        duration=float(line["duration"]),
        channel=channels.index(channel) if channel in channels else channel,
    )


def _number(value: Any) -> float | None:
    return None if value in (None, "") else float(value)


def _file_id(path: Path) -> str:
    """The path of a file below the root of its corpus, without its suffix."""
    parts = path.parts[1:] if path.is_absolute() else path.parts
    return Path(*(part for part in parts if part not in ("..", "."))).with_suffix("").as_posix()


def _tar_rows(path: Path, suffixes: tuple[str, ...]) -> Iterator[Row]:
    """Members of a WebDataset tar, whose ids are its keys: the name up to its first dot.

    It must not be compressed, as members are read from where they lie.
    """
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            name = Path(member.name)
            if member.isfile() and name.suffix.lower() in suffixes and name.suffixes[:1] != [".f0"]:
                key = _file_id(name.with_name(name.name.split(".")[0] + name.suffix))
                yield Row(key, str(path.absolute()), offset=member.offset_data, size=member.size)


def _parquet_rows(path: Path) -> Iterator[Row]:
    """Rows of a Parquet file, with `bytes` or `audio.bytes` in it, or with paths."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        if _bytes_column(file.schema_arrow) is None:
            batches = (batch.to_pylist() for batch in file.iter_batches())
            yield from _table_rows((line for batch in batches for line in batch), path)
            return
        columns = [
            name
            for name in ("id", "start", "duration", "channel")
            if name in file.schema_arrow.names
        ]
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            table = file.read_row_group(group, columns=columns)
            lines = table.to_pylist() if columns else [{}] * count
            for index, line in enumerate(lines):
                row_id = str(line.pop("id", None) or f"{path.stem}-{group}-{index}")
                yield Row(row_id, str(path.absolute()), **line, group=group, index=index)


def _bytes_column(schema: pa.Schema) -> str | None:
    """The column with the content of rows: `bytes`, or the one of Hugging Face's `audio`."""
    import pyarrow as pa

    if "bytes" in schema.names:
        return "bytes"
    if "audio" in schema.names:
        kind = schema.field("audio").type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return "audio.bytes"
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return "audio"
    return None


@functools.lru_cache(maxsize=1)
def _cells(path: str, group: int) -> pa.ChunkedArray:
    """The contents of a row group; kept, as rows of one group come one after the other."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        column = _bytes_column(file.schema_arrow)
        table = file.read_row_group(group, columns=[column])
        cells = table.column(0).combine_chunks()
        return cells.field("bytes") if column == "audio.bytes" else cells
