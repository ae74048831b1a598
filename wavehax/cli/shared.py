"""Adds the arguments that several commands have, and reads them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import wavehax
from wavehax.cli import types
from wavehax.vocoder import PRECISIONS

MODEL_HELP = (
    "file or folder, name of a shipped model, or owner/name[@revision] on the hub (default:"
    " vocos-24k)"
)


def add_isa(command: argparse.ArgumentParser) -> None:
    choices = ["auto", *wavehax.available_isas()]
    command.add_argument(
        "--isa", choices=choices, default="auto", help="instruction set (default auto)"
    )
    command.add_argument(
        "--precision",
        choices=["auto", *PRECISIONS],
        default="fp32",
        help="precision of large products (default fp32)",
    )


def add_batch(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--jobs", type=types.count, default=1, help="files worked on at once (default 1)"
    )
    existing = command.add_mutually_exclusive_group()
    existing.add_argument("--force", action="store_true", help="replace outputs that exist")
    existing.add_argument(
        "--resume", action="store_true", help="skip inputs whose output exists: it is whole"
    )


def add_model_output(command: argparse.ArgumentParser) -> None:
    """Add the model file that a command writes."""
    command.add_argument(
        "-o", "--output", type=Path, required=True, help="model file, .safetensors"
    )
    add_force(command)


def add_force(command: argparse.ArgumentParser) -> None:
    command.add_argument("--force", action="store_true", help="replace an output that exists")


@contextmanager
def needing(extra: str, purpose: str) -> Iterator[None]:
    """Say what to install where a module of an extra is missing that `purpose` needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None:  # `optional_module` raised it, and its message says enough
            raise
        raise ModuleNotFoundError(
            f"{purpose} needs {error.name}: pip install 'wavehax[{extra}]'"
        ) from error


def add_card(command: argparse.ArgumentParser) -> None:
    help_text = "YAML file with licence, data, hardware, scores, ..., which the model file repeats"
    command.add_argument("--card", type=Path, metavar="FIELDS", help=help_text)


def read_fields(path: Path | None, reserved: dict[str, str]) -> dict[str, Any]:
    """The contents of the file of --card; none where it is not given."""
    from wavehax.files.yaml import read_card

    return read_card(path, reserved) if path else {}


def add_speeds(parser: argparse.ArgumentParser) -> None:
    """Add the speeds at which recordings are played."""
    help_text = "play the recordings so many times as fast, which multiplies F0 (default 1)"
    parser.add_argument("--speeds", nargs="+", type=types.speed, metavar="X", help=help_text)


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add the output of an evaluation."""
    help_text = "an .html file, with the numbers in a .json beside it; or the .json alone"
    parser.add_argument("-o", "--output", type=Path, metavar="REPORT", help=help_text)
    parser.add_argument("--force", action="store_true", help="replace outputs that exist")
