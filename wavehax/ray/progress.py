"""Hours of sound that are done, beside the rows and the time left, and a summary at the end."""

from __future__ import annotations

import time

from wavehax.errors import say
from wavehax.files.progress import Progress


class Hours:
    """Counts rows and hours of sound as they come."""

    def __init__(self, total: int, skipped: int, cores: int) -> None:
        """Begin to count.

        Args:
            total: rows of the input.
            skipped: rows of them that an earlier run has done.
            cores: that work on the rest, for hours per core-hour.
        """
        self._total, self._skipped, self._cores = total, skipped, cores
        self._rows = skipped
        self._failed = 0
        self._hours = 0.0
        self._begun = time.monotonic()
        self._line = Progress(total, skipped, "rows")

    def add(self, seconds: float | None, error: str | None) -> None:
        """Count a row of so many seconds of sound, or one that failed."""
        self._rows += 1
        self._failed += error is not None
        self._hours += (seconds or 0.0) / 3600
        if self._rows < self._total:
            self._line.show(self._rows, self._said())

    def end(self) -> None:
        """Write the summary."""
        self._line.clear()
        skipped = f" ({self._skipped} before)" if self._skipped else ""
        minutes = (time.monotonic() - self._begun) / 60
        say(
            f"{self._rows} of {self._total} rows{skipped}, {self._failed} failed,"
            f" {self._said()}, in {minutes:.1f} min"
        )

    def _said(self) -> str:
        core_hours = self._cores * (time.monotonic() - self._begun) / 3600
        return (
            f"{self._hours:.2f} hours of sound, {self._hours / core_hours:.1f} hours per core-hour"
        )
