"""How far a long command is: one line on standard error, drawn again and again on a terminal."""

from __future__ import annotations

import sys
import time

_BAR_WIDTH = 30  # characters
_SECONDS = 60.0  # between lines where standard error goes to a file


class Progress:
    """The line of one command, such as `[###...] 12/40  0.5 min left`.

    Where there is one thing to do nothing is shown.
    """

    def __init__(self, total: int, done: int = 0, *, logged: bool = True) -> None:
        """
        Args:
            total: how many things (files, utterances, steps) there are to do.
            done: how many of them an earlier run did, which this one takes up.
            logged: whether standard error, where it is a file, gets a line a minute and a last one.
        """
        self.total, self.first, self.logged = total, done, logged
        self.started = self.written = time.monotonic()

    def rate(self, done: int) -> float:
        """Things a second since the start, with `done` of all done."""
        return (done - self.first) / (time.monotonic() - self.started)

    def show(self, done: int, said: str = "") -> None:
        """Show how many are done, what is `said` of them, and the minutes left."""
        if self.total < 2:
            return
        left = (
            f"{(self.total - done) / self.rate(done) / 60:.1f} min left"
            if done > self.first
            else ""
        )
        text = "  ".join(filter(None, (f"{done}/{self.total}", said, left)))
        if sys.stderr.isatty():
            filled = _BAR_WIDTH * done // self.total
            bar = "#" * filled + "." * (_BAR_WIDTH - filled)
            print(f"\r[{bar}] {text}\033[K", end="", file=sys.stderr, flush=True)
        elif self.logged and (done == self.total or time.monotonic() - self.written >= _SECONDS):
            self.written = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line from the terminal."""
        self._finish("\r\033[K")

    def end(self) -> None:
        """Leave the line on the terminal, and go on below it."""
        self._finish("\n")

    def _finish(self, text: str) -> None:
        if self.total > 1 and sys.stderr.isatty():
            print(text, end="", file=sys.stderr, flush=True)
