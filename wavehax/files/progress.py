"""Shows how far a long command is: one line on standard error, redrawn in place on a terminal."""

from __future__ import annotations

import sys
import time

_BAR_WIDTH = 30  # characters
_SECONDS = 60.0  # between lines where standard error goes to a file


class Progress:
    """The line of one command, such as `[###...] step 12/40  0.5 min left`.

    Where there is only one thing to do, nothing is shown.
    """

    def __init__(self, total: int, done: int = 0, thing: str = "", *, logged: bool = True) -> None:
        """
        Args:
            total: how many things (files, utterances, steps) there are to do.
            done: how many of them an earlier run did, which this run continues.
            thing: the word before the number of those that are done, such as `step`.
            logged: whether standard error, if it is no terminal, gets a line a minute, and a last
                one if something is said in it or a line came before.
        """
        self.total, self.first, self.thing, self.logged = total, done, thing, logged
        self.started = self.written = time.monotonic()

    def rate(self, done: int) -> float:
        """Things done in a second since the start, now that `done` are done."""
        return (done - self.first) / (time.monotonic() - self.started)

    def show(self, done: int, said: str = "") -> None:
        """Show how many are done, the text `said`, and the minutes left."""
        if self.total < 2:
            return
        left = (
            f"{(self.total - done) / self.rate(done) / 60:.1f} min left"
            if done > self.first
            else ""
        )
        count = f"{self.thing} {done}/{self.total}".strip()
        text = "  ".join(filter(None, (count, said, left)))
        if sys.stderr.isatty():
            filled = _BAR_WIDTH * done // self.total
            bar = "#" * filled + "." * (_BAR_WIDTH - filled)
            print(f"\r[{bar}] {text}\033[K", end="", file=sys.stderr, flush=True)
            return
        last = done == self.total and (said or self.written > self.started)
        if self.logged and (last or time.monotonic() - self.written >= _SECONDS):
            self.written = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the line from the terminal."""
        self._finish("\r\033[K")

    def end(self) -> None:
        """Leave the line on the terminal, and go on below it."""
        self._finish("\n")

    def _finish(self, text: str) -> None:
        if self.total > 1 and sys.stderr.isatty():
            print(text, end="", file=sys.stderr, flush=True)
