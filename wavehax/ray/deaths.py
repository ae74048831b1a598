"""Rows that kill their worker: found, and given up after a few times."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from wavehax.ray.results import Result
from wavehax.ray.rows import Row

MOST_DEATHS = 3
"""A row counts as failed once this many workers have died on it."""


class Deaths:
    """Finds the row on which a worker dies again and again, such as for want of memory.

    Nothing else would end it: Ray starts another worker every time. The file of a shard says which
    row was begun last.
    """

    def __init__(self, path: Path) -> None:
        """Read what earlier workers on the same shard wrote, if there were any."""
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        if lines and not lines[-1].startswith("died "):
            lines.append(f"died {lines[-1]}")
            self._append(lines[-1])
        self._counts = Counter(line[5:] for line in lines if line.startswith("died "))

    def watch(self, row: Row, work: Callable[[Row], Result]) -> Result:
        """`work(row)`, or an error where that was the end of several workers."""
        key = json.dumps(row.id)
        died = self._counts[key]
        if died >= MOST_DEATHS:
            return Result(
                row.id, error=f"the worker died {died} times on this row (out of memory?)"
            )
        self._append(key)
        return work(row)

    def _append(self, line: str) -> None:
        with open(self._path, "a") as file:
            file.write(f"{line}\n")

    def forget(self) -> None:
        """Remove the file: the shard is whole."""
        self._path.unlink(missing_ok=True)
