"""What goes wrong, said plainly: errors and warnings of one line each, exit codes, and the modules
that only some users install.

A warning says what it is about, and points at the line that called this package.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType, ModuleType

EXPECTED_ERRORS = (OSError, ValueError, ModuleNotFoundError, MemoryError)
"""Errors that a file or an argument can cause.

Any other is a mistake in this package, and is shown with its traceback.
"""

_LONGEST = 300  # characters of a message

_PACKAGE = __name__.partition(".")[0]

_subject = ContextVar("_subject", default="")
_held: ContextVar[list[str] | None] = ContextVar("_held", default=None)


class ModelError(ValueError):
    """A file that is no model, or a model that does not fit its configuration.

    The message names the file and, where it is about one, the tensor.
    """


class UsageError(Exception):
    """Arguments that do not go together."""


def one_line(error: BaseException) -> str:
    """The message of an error on one line, at most 300 characters and "...".

    An error without a message gives the name of its type.
    """
    text = str(error)
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{error.filename}: {error.strerror}"
    text = printable(" ".join(text.split())) or type(error).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def printable(text: str) -> str:
    """`text` with control characters, which a terminal would obey, as backslash escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def report(error: BaseException, subject: str = "") -> None:
    """Print an error as one line on standard error, which names `subject` in any case."""
    message, subject = one_line(error), printable(subject)
    say(f"{subject}: {message}" if subject and subject not in message else message)


def say(message: str) -> None:
    """Print one line on standard error, in place of a progress bar that stands there.

    The bar is drawn again when the next file is done.
    """
    print(_line(message), file=sys.stderr)


def _line(message: object) -> str:
    clear = "\r\033[K" if sys.stderr.isatty() else ""
    return f"{clear}wavehax: {message}"


def warn(message: str) -> None:
    """Warn of what is wrong with an input; the message begins with the subject of `naming`, once.

    The warning is that of the nearest line outside this package, so that a filter of Python's
    shows it once for each of these lines and for each message.
    """
    subject = _subject.get()
    if subject and not message.startswith(f"{subject}: "):
        message = f"{subject}: {message}"
    held = _held.get()
    if held is None:
        warnings.warn(message, stacklevel=_outside())
    else:
        held.append(message)


def warn_of_all(message: str) -> None:
    """Warn of what holds for all inputs alike, so that it is said once and names none of them."""
    warnings.warn(message, stacklevel=_outside())


@contextmanager
def naming(subject: str) -> Iterator[None]:
    """Begin the messages of `warn` with `subject`, in this thread and while the context lasts.

    Within another such context it stands behind the subject of that one.
    """
    outer = _subject.get()
    token = _subject.set(f"{outer}: {subject}" if outer else subject)
    try:
        yield
    finally:
        _subject.reset(token)


@contextmanager
def holding() -> Iterator[list[str]]:
    """Put the messages of `warn` into a list, in this thread and while the context lasts.

    A thread of ours has no line of the caller on its stack: whoever started it calls `warn` with
    what the list has.
    """
    messages: list[str] = []
    token = _held.set(messages)
    try:
        yield messages
    finally:
        _held.reset(token)


def _outside() -> int:
    """The `stacklevel` that points outside this package, for a caller of this function."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _ours(frame):
        level, frame = level + 1, frame.f_back
    return level


def _ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE


def exit_code(work: Callable[[], object]) -> int:
    """Do all of a program's work, and return its exit code.

    The code is 0 when the work is done, 1 after one of EXPECTED_ERRORS, which is printed as one
    line, and 130 (128 + SIGINT, as shells have it) after an interruption.
    """
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
        ModuleNotFoundError: it is not installed; the message says what needs it, and how to
            install it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{purpose} needs {name}: pip install '{package}'") from error


def ignore_import_warnings() -> None:
    """Keep optional modules from printing their warnings; print our own as one line each."""
    warnings.formatwarning = lambda message, *_: f"{_line(message)}\n"
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)  # pyworld 0.3.5
    # torch warns of the pickles in old checkpoints, and of the contents of .pt files.
    warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
    warnings.filterwarnings("ignore", module=r"torch\.")
