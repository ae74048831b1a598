"""Errors as one plain line each, and the modules that only some users install."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

_LONGEST = 300  # characters of a message


class ModelError(ValueError):
    """A file that is no model, or a model that does not fit its configuration; the message names
    file and tensor."""


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
