"""Arguments that several commands have, and what is done with them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import wavehax
from wavehax.cli import types
from wavehax.files.yaml import read_card
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
        help="of large products (default fp32)",
    )


def add_batch(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--jobs", type=types.count, default=1, help="files worked on at once (default 1)"
    )
    command.add_argument("--force", action="store_true", help="replace outputs that exist")


def add_card(command: argparse.ArgumentParser) -> None:
    help_text = "YAML: licence, data, hardware, scores, ..."
    command.add_argument("--card", type=Path, metavar="FIELDS", help=help_text)


def read_fields(path: Path | None, reserved: dict[str, str]) -> dict[str, Any]:
    """What the file of --card says, where one is given."""
    return read_card(path, reserved) if path else {}


def add_report(parser: argparse.ArgumentParser) -> None:
    """Where an evaluation is written."""
    help_text = "a .html file, with the numbers in a .json beside it; or the .json alone"
    parser.add_argument("-o", "--output", type=Path, metavar="REPORT", help=help_text)
    parser.add_argument("--force", action="store_true", help="replace outputs that exist")
