"""A corpus on a Ray cluster: each shard of rows is a task of Ray Data.

Ray Data schedules the tasks, and does them again where a worker or a machine is lost. Only lists of
rows travel through it: a worker reads its rows and writes its shard, so neither the driver nor the
object store ever holds sound. The work is done by tasks and not by actors, because tasks go on
wherever a core is free; a worker process keeps the model that it has loaded.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import wavehax
from wavehax.errors import one_line, optional_module
from wavehax.models.locate import model_path
from wavehax.ray.deaths import Deaths
from wavehax.ray.progress import Hours
from wavehax.ray.rows import Row, list_rows
from wavehax.ray.shards import Output, shard_name
from wavehax.ray.vocode import Vocode

SHARD_ROWS = {"files": 16, "parquet": 256, "tar": 256}
"""Rows of a shard by form of the output: what a lost worker has to do again."""


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
            call takes. With ray:// this machine need not see `source` and `output`.
        resume: go on with what an earlier run left.
        shard_rows: rows of a shard; None: SHARD_ROWS.

    Returns:
        the lines of the manifest of rows that failed, in the order of the input.

    Raises:
        FileExistsError, FileNotFoundError, OSError, ValueError: as `list_rows`, `Vocode` and
            `Output.begin`, before anything starts; OSError also when a worker cannot write.
        ModuleNotFoundError: Ray (extra `ray`) is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a user may want it, and says so then
    optional_module("ray.data", "a corpus", "wavehax[ray]")
    run = Run(source, output, options, cpus, resume, shard_rows or SHARD_ROWS[output.form])
    if address is not None and address.startswith("ray://"):
        with _cluster(address, cpus) as cores:
            return _follow(_Remote(run), cpus or cores)
    total, left = run.begin()
    if left == 0:
        return run.finish()
    with _cluster(address, cpus) as cores:
        return _follow(run, cpus or cores, (total, left))


def _follow(
    run: Run | _Remote, cores: int, counts: tuple[int, int] | None = None
) -> list[dict[str, Any]]:
    """Go through a run that has begun with these `counts`, or begin it; its failed rows."""
    total, left = counts or run.begin()
    hours = Hours(total, total - left, cores)
    while (lines := run.next()) is not None:
        for line in lines:
            hours.add(line["duration"], line["error"])
    hours.end()
    return run.finish()


class Run:
    """The three steps of a corpus, which all happen on a machine that sees its files."""

    def __init__(
        self,
        source: str,
        output: Output,
        options: dict[str, Any],
        cpus: int | None,
        resume: bool,
        shard_rows: int,
    ) -> None:
        self._source, self._output, self._options = source, output, options
        self._cpus, self._resume, self._shard_rows = cpus, resume, shard_rows

    def begin(self) -> tuple[int, int]:
        """List the rows and prepare the output; how many rows there are, and how many to do."""
        rows = list_rows(self._source, self._options["resynth"])
        Vocode(**self._options)
        done = self._output.begin(_settings(self._output, self._options), self._resume)
        shards = _shards(rows, self._shard_rows, done)
        self._order = [row.id for row in rows]
        self._results = _results(shards, self._output, self._options, self._cpus)
        return len(rows), sum(len(shard) for _, shard in shards)

    def next(self) -> list[dict[str, Any]] | None:
        """The lines of the next shards that are whole; None behind the last."""
        return next(self._results, None)

    def finish(self) -> list[dict[str, Any]]:
        """Write the manifest; the lines of rows that failed."""
        return self._output.finish(self._order)


class _Remote:
    """A run as an actor of the cluster: Ray Data itself does not work through ray://."""

    def __init__(self, run: Run) -> None:
        import ray

        self._actor = ray.remote(num_cpus=0)(_Holder).remote(run)

    def begin(self) -> tuple[int, int]:
        return self._call("begin")

    def next(self) -> list[dict[str, Any]] | None:
        return self._call("next")

    def finish(self) -> list[dict[str, Any]]:
        return self._call("finish")

    def _call(self, step: str) -> Any:
        import ray

        try:
            return ray.get(self._actor.call.remote(step))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error


class _Holder:
    """Keeps a run from one call to the next."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def call(self, step: str) -> Any:
        return getattr(self._run, step)()


def _settings(output: Output, options: dict[str, Any]) -> dict[str, Any]:
    """Everything that the samples and their form depend on; only a run with the same goes on."""
    model = hashlib.sha256(model_path(options["model"]).read_bytes()).hexdigest()
    made_by = {"wavehax": wavehax.__version__, "model_sha256": model}
    return {**made_by, "form": output.form, **options}


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
) -> Iterator[list[dict[str, Any]]]:
    """A line for every row, as shards are done."""
    if not shards:
        return
    import pyarrow as pa
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
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
        num_cpus=1,  # of Ray, which then sets OMP_NUM_THREADS to it
    )
    for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        lines = batch.to_pylist()
        for line in lines:
            if line["fatal"]:
                raise OSError(line["fatal"])
        yield lines


def vocode_shards(batch: Any, output: Output, options: str) -> Any:
    """Do the work of a task: shards in, `id`, `duration`, `error` and `fatal` of rows out."""
    import pyarrow as pa

    lines: list[dict[str, Any]] = []
    for name, rows in zip(batch["shard"].to_pylist(), batch["rows"].to_pylist(), strict=True):
        try:
            lines += vocode_shard(
                name, [Row(**row) for row in json.loads(rows)], output, _vocode(options)
            )
        except Exception as error:  # of the output or the model: no row is to blame
            lines.append({"fatal": f"{output.folder}: {one_line(error)}"})
    kinds = {
        "id": pa.string(),
        "duration": pa.float64(),
        "error": pa.string(),
        "fatal": pa.string(),
    }
    return pa.table(
        {name: pa.array([line.get(name) for line in lines], kind) for name, kind in kinds.items()}
    )


def vocode_shard(
    name: str, rows: Sequence[Row], output: Output, vocode: Vocode
) -> list[dict[str, Any]]:
    """Make a shard, unless it is whole already; its lines of the manifest."""
    lines = output.done(name)
    if lines is None:
        deaths = Deaths(output.unfinished / f"{name}.begun")
        lines = output.write(name, (deaths.watch(row, vocode.of) for row in rows))
        deaths.forget()
    return lines


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
