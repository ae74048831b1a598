"""The parser of all commands, which refuses in one line, and the types of their arguments."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn, Protocol

from wavehax.checks import FORMANT_SCALES
from wavehax.config import FeatureConfig
from wavehax.errors import UsageError
from wavehax.mel.definitions import definition_of


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line and takes no abbreviated flags.

    It may have commands below it (`add_branch`).
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)
        self._branches: dict[str, Parser] = {}

    def add_branch(self, name: str, description: str) -> Parser:
        """Add a command below this one, chosen by `name` as the first word.

        With another first word, this command does its own work.
        """
        branch = Parser(prog=f"{self.prog} {name}", description=description)
        self._branches[name] = branch
        return branch

    def parse_known_args(
        self, args: Iterable[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse with the branch that the first word names, or else with this parser.

        Raises:
            UsageError: the words make no sense, or some are left over.
        """
        words = list(sys.argv[1:] if args is None else args)
        branch = self._branches.get(words[0]) if words else None
        if branch is not None:
            return branch.parse_known_args(words[1:], namespace)
        parsed, unknown = super().parse_known_args(words, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, []

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


class Commands(Protocol):
    """The commands of a parser."""

    def add_parser(self, name: str, *, help: str, description: str) -> Parser:
        """Add a command; its arguments and its `run` are then added to the result."""


F0_FROM_MEL = "mel"
"""Value of --f0 that leaves F0 to the model, even if a file has one."""


def f0(text: str) -> float | str | Path:
    """A number of Hz, F0_FROM_MEL, or otherwise the path of a file."""
    if text == F0_FROM_MEL:
        return text
    try:
        value = float(text)
    except ValueError:
        return Path(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text}: expected Hz, 0 or more, or a file")
    return value


def definition(text: str) -> FeatureConfig:
    """A definition of a mel: the name of a preset, or the path of a YAML file."""
    try:
        return definition_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def positive(text: str) -> float:
    """A finite number of more than 0."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text}: expected more than 0")
    return value


def _between(text: str, low: float, high: float, unit: str = "") -> float:
    value = float(text)
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text}: expected {low:g} to {high:g}{unit}")
    return value


def formant_scale(text: str) -> float:
    """A factor of the frequencies of formants."""
    return _between(text, *FORMANT_SCALES)


def semitones(text: str) -> float:
    """The factor of F0 that a number of semitones stands for; -120 to 120 of them."""
    return float(2 ** (_between(text, -120, 120, " semitones") / 12))


def speed(text: str) -> float:
    """A factor of speed, 0.25 to 4."""
    return _between(text, 0.25, 4)


def decibels(text: str) -> float:
    """A gain in dB, -200 to 200."""
    return _between(text, -200, 200, " dB")


def peak(text: str) -> float:
    """A level in dBFS, -200 to 0."""
    value = float(text)
    if not -200 <= value <= 0:
        raise argparse.ArgumentTypeError(f"{text}: expected -200 to 0 dBFS")
    return value


def count(text: str) -> int:
    """An integer of 1 or more."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return value


def frames(text: str) -> int:
    """An integer of 0 or more."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 or more")
    return value


def seed(text: str) -> int:
    """An integer from 0 to 2**64 - 1."""
    value = int(text)
    if not 0 <= value < 2**64:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 to 2**64 - 1")
    return value
