"""What the command lines share: a parser that refuses in one line, and the types of arguments."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from wavehax.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Refuses in one line, and takes no abbreviations."""

    def __init__(self, **options) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> None:
        raise UsageError(f"{message}; see {self.prog} --help")


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


def add_report(parser: argparse.ArgumentParser) -> None:
    """Where an evaluation is written."""
    help_text = "a .html file, with the numbers in a .json beside it; or the .json alone"
    parser.add_argument("-o", "--output", type=Path, metavar="REPORT", help=help_text)
    parser.add_argument("--force", action="store_true", help="replace outputs that exist")
