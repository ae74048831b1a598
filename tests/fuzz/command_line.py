"""A command line run in this process, and what must hold of any: exit code, one line an error,
nothing half-written."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from wavehax.cli import main


class _Bytes(io.TextIOWrapper):
    """Standard input or output whose bytes stay here."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__(
            io.BytesIO(content), encoding="utf-8", errors="surrogateescape", write_through=True
        )


def run_command(
    arguments: Sequence[str], folder: Path, given: bytes = b""
) -> tuple[int, bytes, str]:
    """Exit code, standard output and standard error of `wavehax arguments`, run in `folder` with
    `given` as its input.

    Raises:
        AssertionError: a code that is not documented, an error without its line, a line of another
            kind, or a file left half-written.
        BaseException: whatever a user would see as a traceback.
    """
    out, err, before = _Bytes(), io.StringIO(), os.getcwd()
    os.chdir(folder)
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            _standard_input(given),
        ):
            code = main(arguments)
    except SystemExit as exit_:  # argparse, after --help
        code = exit_.code
        assert code == 0, code
    finally:
        os.chdir(before)
    lines = err.getvalue().splitlines()
    assert code in (0, 1, 2), code
    assert bool(lines) == (code != 0) or "mel without f0" in err.getvalue(), (code, lines)
    assert all(line.startswith("wavehax: ") and line.isprintable() for line in lines), lines
    assert not list(folder.rglob("*.tmp")), list(folder.rglob("*.tmp"))
    return code, out.buffer.getvalue(), err.getvalue()


@contextlib.contextmanager
def _standard_input(content: bytes) -> Iterator[None]:
    before, sys.stdin = sys.stdin, _Bytes(content)
    try:
        yield
    finally:
        sys.stdin = before
