"""A corpus on a Ray cluster: shards of rows as tasks of Ray Data, each written by the worker that made it.

Ray Data schedules the tasks and does them again where a worker or a machine is lost. Only lists of
rows travel through it: each worker reads its rows and writes its shard, so neither the driver nor
the object store ever holds sound. Tasks, and not actors, because they go on wherever there is a
free core; a worker process keeps the model that it has loaded.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import wavehax
from wavehax.errors import optional_module
from wavehax.ray.progress import Progress
from wavehax.ray.rows import Row, list_rows
from wavehax.ray.shards import Output, shard_name
from wavehax.ray.vocode import Vocode

SHARD_ROWS = {"files": 16, "parquet": 256, "tar": 256}
"""Rows of a shard by form of the output: what a lost worker has to do again."""

_RETRIES = 5  # of a shard whose worker dies: a row that kills every worker must end some time
_LOST = "the worker that had this row or one near it died {} times (out of memory?)"


def vocode_corpus(
    source: str,
    output: Output,
    options: dict[str, Any],
    *,
    cpus: int | None = None,
    address: str | None = None,
    resume: bool = False,
    shard_rows: int | None = None,
) -> list[dict[str, Any]]:
    """Synthesise all rows of `source` on a Ray cluster, and say on standard error how far it is.

    Args:
        source: as `list_rows`; the same path on every machine.
        output: where to; the same path on every machine.
        options: arguments of `Vocode`.
        cpus: rows worked on at once, one thread each; None: as many as the cluster has.
        address: of a Ray cluster, as `ray.init`; None starts one on this machine for as long as the
            call takes.
        resume: go on with what an earlier run left.
        shard_rows: rows of a shard; None: SHARD_ROWS.

    Returns:
        the lines of the manifest of rows that failed, in the order of the input.

    Raises:
        FileExistsError, FileNotFoundError, OSError, ValueError: as `list_rows`, `Vocode` and
            `Output.begin`, before anything starts; OSError also when a worker cannot write.
        ModuleNotFoundError: Ray (extra `ray`) is not installed.
    """
    _quiet_environment()
    optional_module("ray.data", "a corpus", "wavehax[ray]")
    rows = list_rows(source, options["resynth"])
    Vocode(**options)
    done = output.begin(_settings(output, options), resume)
    shards = _shards(rows, shard_rows or SHARD_ROWS[output.form], done)
    unreported = {row.id for _, shard in shards for row in shard}
    if shards:
        with _cluster(address, cpus) as cores:
            progress = Progress(len(rows), len(rows) - len(unreported), cpus or cores)
            for line in _results(shards, output, options, cpus):
                unreported.discard(line["id"])
                progress.add(line["duration"], line["error"])
            progress.end()
    missing = dict.fromkeys(unreported, _LOST.format(_RETRIES + 1))
    return output.finish([row.id for row in rows], missing)


def _settings(output: Output, options: dict[str, Any]) -> dict[str, Any]:
    """What the samples and their form depend on: an unfinished run goes on with no other."""
    return {"wavehax": wavehax.__version__, "form": output.form, **options}


def _shards(rows: Sequence[Row], count: int, done: set[str]) -> list[tuple[str, list[Row]]]:
    """Rows that are not done, by shards that depend on the input alone, with their names."""
    shards = []
    for number, start in enumerate(range(0, len(rows), count)):
        left = [row for row in rows[start : start + count] if row.id not in done]
        if left:
            shards.append((shard_name(number, left), left))
    return shards


def _results(
    shards: Sequence[tuple[str, list[Row]]],
    output: Output,
    options: dict[str, Any],
    cpus: int | None,
) -> Iterator[dict[str, Any]]:
    """A line for every row, as shards are done; none for those that killed every worker."""
    import pyarrow as pa
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = -1
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    blocks = [
        pa.table({"shard": [name], "rows": [json.dumps([dataclasses.asdict(row) for row in rows])]})
        for name, rows in shards
    ]
    dataset = ray.data.from_arrow(blocks).map_batches(
        vocode_shards,
        fn_kwargs={"output": output, "options": json.dumps(options)},
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.TaskPoolStrategy(size=cpus),
        num_cpus=1,
        max_retries=_RETRIES,
    )
    for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        for line in batch.to_pylist():
            if line["fatal"]:
                raise OSError(line["fatal"])
            yield line


def vocode_shards(batch: Any, output: Output, options: str) -> Any:
    """The work of a task: a table of shards in, a table of `id`, `duration`, `error`, `fatal` out."""
    import pyarrow as pa

    lines: list[dict[str, Any]] = []
    for name, rows in zip(batch["shard"].to_pylist(), batch["rows"].to_pylist(), strict=True):
        try:
            lines += vocode_shard(name, [Row(**row) for row in json.loads(rows)], output, _vocode(options))
        except OSError as error:  # of the output: no row is to blame, and all others would fail too
            lines.append({"fatal": f"{output.folder}: {error}"})
    kinds = {"id": pa.string(), "duration": pa.float64(), "error": pa.string(), "fatal": pa.string()}
    return pa.table({name: pa.array([line.get(name) for line in lines], kind) for name, kind in kinds.items()})


def vocode_shard(name: str, rows: Sequence[Row], output: Output, vocode: Vocode) -> list[dict[str, Any]]:
    """Make a shard, unless it is whole already; its lines of the manifest."""
    lines = output.done(name)
    return output.write(name, (vocode.of(row) for row in rows)) if lines is None else lines


@functools.lru_cache(maxsize=1)
def _vocode(options: str) -> Vocode:
    """The loaded model, kept from one task of a worker process to the next."""
    return Vocode(**json.loads(options))


@contextmanager
def _cluster(address: str | None, cpus: int | None) -> Iterator[int]:
    """A connection to a cluster, or one of our own; the number of its cores."""
    import ray

    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        own = {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": 200 << 20}
        ray.init(address="local", **own, **quiet)
    else:
        ray.init(address=address, **quiet)
    try:
        yield int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


def _quiet_environment() -> None:
    """Keep Ray from writing to our standard error, and from sending statistics of its use."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
