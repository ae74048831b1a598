"""Errors as one plain line each, exit codes, and the modules that only some users install."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable
from types import ModuleType

EXPECTED_ERRORS = (OSError, ValueError, ModuleNotFoundError, MemoryError)
"""What a file or an argument can cause; anything else is a mistake of ours, and its traceback is
wanted."""

_LONGEST = 300  # characters of a message


class ModelError(ValueError):
    """A file that is no model, or a model that does not fit its configuration; the message names
    file and tensor."""


class UsageError(Exception):
    """Arguments that do not go together."""


def one_line(error: BaseException) -> str:
    """The message of an error on one line, cut where it is long; the name of its type where it has
    none."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{error.filename}: {error.strerror}"
    text = printable(" ".join(text.split())) or type(error).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def printable(text: str) -> str:
    """`text` with what a terminal would obey rather than show, such as ANSI escapes, as backslash
    escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def report(error: BaseException, subject: str = "") -> None:
    """One line on standard error, which names `subject` unless the message does."""
    message, subject = one_line(error), printable(subject)
    say(f"{subject}: {message}" if subject and subject not in message else message)


def say(message: str) -> None:
    """One line on standard error, in place of a bar that stands there: the next file that is done
    shows it again."""
    clear = "\r\033[K" if sys.stderr.isatty() else ""
    print(f"{clear}wavehax: {message}", file=sys.stderr)


def exit_code(work: Callable[[], object]) -> int:
    """Do all of a program's work: 0 when it is done, 1 after one of EXPECTED_ERRORS in a line, 130
    if interrupted."""
    try:
        work()
    except KeyboardInterrupt:
        return 130
    except EXPECTED_ERRORS as error:
        report(error)
        return 1
    return 0


def optional_module(name: str, purpose: str, package: str) -> ModuleType:
    """Import a module that the lean installation does not have.

    Raises:
        ModuleNotFoundError: one line: what it is needed for and how to install it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{purpose} needs {name}: pip install '{package}'") from error


def ignore_import_warnings() -> None:
    """Keep a process from printing what optional modules warn of: errors and our own warnings are
    one line each."""
    warnings.formatwarning = lambda message, *_: f"wavehax: {message}\n"
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)  # pyworld 0.3.5
    # torch, of old checkpoints
    warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
    warnings.filterwarnings("ignore", module=r"torch\.")  # of what a .pt file holds
