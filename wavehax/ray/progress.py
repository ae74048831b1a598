"""How far a corpus is: one line on standard error, and a summary at the end."""

from __future__ import annotations

import sys
import time

_EVERY = 60.0  # seconds between lines where standard error is no terminal, such as in a log


class Progress:
    """Counts rows and hours of sound as they come."""

    def __init__(self, total: int, skipped: int, cores: int) -> None:
        """Begin to count.

        Args:
            total: rows of the input.
            skipped: rows of them that an earlier run has done.
            cores: that work on the rest, for hours per core-hour.
        """
        self._total, self._skipped, self._cores = total, skipped, cores
        self._rows = self._failed = 0
        self._hours = 0.0
        self._begun = time.monotonic()
        self._shown = self._begun
        self._terminal = sys.stderr.isatty()

    def add(self, seconds: float | None, error: str | None) -> None:
        """Count a row of so many seconds of sound, or one that failed."""
        self._rows += 1
        self._failed += error is not None
        self._hours += (seconds or 0.0) / 3600
        now = time.monotonic()
        if now - self._shown >= (0.2 if self._terminal else _EVERY):
            self._shown = now
            self._show(f"{self}, {_duration(self._left(now))} left")

    def end(self) -> None:
        """Write the summary."""
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr)
        took = _duration(time.monotonic() - self._begun)
        print(f"wavehax: {self}, {self._failed} failed, in {took}", file=sys.stderr)

    def __str__(self) -> str:
        passed = (time.monotonic() - self._begun) / 3600
        rate = self._hours / (passed * self._cores) if passed else 0.0
        skipped = f" ({self._skipped} before)" if self._skipped else ""
        done = f"{self._skipped + self._rows} of {self._total} rows{skipped}"
        return f"{done}, {self._hours:.2f} hours of sound, {rate:.1f} hours per core-hour"

    def _left(self, now: float) -> float:
        """Seconds until the end, if the rest is as fast as what is done."""
        return (now - self._begun) / self._rows * (self._total - self._skipped - self._rows)

    def _show(self, line: str) -> None:
        start, end = ("\r\033[K", "") if self._terminal else ("", "\n")
        print(f"{start}wavehax: {line}", end=end, file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
