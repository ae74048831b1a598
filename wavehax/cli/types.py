"""What the command lines share: a parser that refuses in one line, and the types of arguments."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Protocol

from wavehax.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Refuses in one line, and takes no abbreviations."""

    def __init__(self, **options) -> None:
        super().__init__(**options, allow_abbrev=False)
        self._branches: dict[str, Parser] = {}

    def add_branch(self, name: str, description: str) -> Parser:
        """Add a command below this one, which also works without: `name` is then the first word."""
        branch = Parser(prog=f"{self.prog} {name}", description=description)
        self._branches[name] = branch
        return branch

    def parse_known_args(self, args=None, namespace=None):
        """Parse as the branch that the first word names, if it does; nothing is left over."""
        words = list(sys.argv[1:] if args is None else args)
        branch = self._branches.get(words[0]) if words else None
        if branch is not None:
            return branch.parse_known_args(words[1:], namespace)
        parsed, unknown = super().parse_known_args(words, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, []

    def error(self, message: str) -> None:
        raise UsageError(f"{message}; see {self.prog} --help")


class Commands(Protocol):
    """The commands of a parser; each gets its arguments, and `run`, which does its work."""

    def add_parser(self, name: str, *, help: str, description: str) -> Parser:
        """Add a command."""


F0_FROM_MEL = "mel"
"""Value of --f0 that leaves F0 to the model, whatever else there is."""


def f0(text: str) -> float | str | Path:
    """A number of Hz, F0_FROM_MEL, or else a file."""
    if text == F0_FROM_MEL:
        return text
    try:
        value = float(text)
    except ValueError:
        return Path(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text}: expected Hz, 0 or more, or a file")
    return value


def positive(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text}: expected more than 0")
    return value


def decibels(text: str) -> float:
    value = float(text)
    if not abs(value) <= 200:
        raise argparse.ArgumentTypeError(f"{text}: expected -200 to 200 dB")
    return value


def peak(text: str) -> float:
    value = float(text)
    if not -200 <= value <= 0:
        raise argparse.ArgumentTypeError(f"{text}: expected -200 to 0 dBFS")
    return value


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return value


def seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**64:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 to 2**64 - 1")
    return value
