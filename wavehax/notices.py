"""Warnings of this package: each says what it is about, and points at the line that called us."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

_PACKAGE = __name__.partition(".")[0]

_subject = ContextVar("_subject", default="")
_held: ContextVar[list[str] | None] = ContextVar("_held", default=None)


def warn(message: str) -> None:
    """Warn of what is wrong with an input; the message begins with the subject of `naming`.

    The warning is that of the nearest line outside this package, so that a filter of Python's
    shows it once for each of these lines and for each message.
    """
    subject = _subject.get()
    message = f"{subject}: {message}" if subject else message
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
    """Begin the messages of `warn` with `subject`, in this thread and while the context lasts."""
    token = _subject.set(subject)
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
