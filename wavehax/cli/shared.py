"""Adds the arguments that several commands have, and reads them."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import wavehax
from wavehax.cli import types
from wavehax.config import FeatureConfig
from wavehax.errors import UsageError
from wavehax.mel.contour import UNITS, UNVOICED
from wavehax.mel.features import F0_MAX, F0_MIN, f0_from_audio
from wavehax.mel.pitch import METHODS
from wavehax.vocoder import PRECISIONS, Vocoder

if TYPE_CHECKING:
    from wavehax.evaluate.items import Item

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


def add_scales(command: argparse.ArgumentParser) -> None:
    """Add the factors of F0 and of formants."""
    pitch = command.add_mutually_exclusive_group()
    pitch.add_argument(
        "--f0-scale",
        type=types.positive,
        default=1.0,
        metavar="X",
        help="multiply F0 by X (default 1)",
    )
    pitch.add_argument(
        "--f0-shift",
        type=types.semitones,
        dest="f0_scale",
        default=argparse.SUPPRESS,
        metavar="SEMITONES",
        help="the same in semitones: 12 is an octave up",
    )
    command.add_argument(
        "--formant-scale",
        type=types.formant_scale,
        default=1.0,
        metavar="X",
        help="multiply formants by X, 0.5 to 2: below 1 for a larger speaker (default 1)",
    )


def add_f0_writing(command: argparse.ArgumentParser) -> None:
    """Add what tells how given F0 is written."""
    command.add_argument(
        "--f0-unit",
        choices=UNITS,
        default=UNITS[0],
        help="unit of all F0 that is given, by a flag or the mel file: hz, midi notes, or log, the"
        " natural logarithm of Hz (default hz)",
    )
    command.add_argument(
        "--f0-unvoiced",
        choices=UNVOICED,
        default=UNVOICED[0],
        help="what is unvoiced in given F0: zero, or any of 0, NaN and negative numbers (default"
        " zero)",
    )
    command.add_argument(
        "--f0-hop",
        type=types.positive,
        metavar="SECONDS",
        help="time from one given F0 to the next, if it is not that of the mel's frames",
    )


def f0_writing(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the flags of `add_f0_writing` say, as the arguments of `f0_of_frames`."""
    return {name: getattr(arguments, f"f0_{name}") for name in ("unit", "unvoiced", "hop")}


def add_force_definition(command: argparse.ArgumentParser) -> None:
    """Add the flag that leaves out the question whether a mel is of its definition."""
    command.add_argument(
        "--force-definition",
        action="store_true",
        help="take a mel that looks like one of another definition",
    )


def add_f0_search(
    command: argparse.ArgumentParser, methods: Sequence[str] = METHODS, given: bool = False
) -> None:
    """Add how F0 is sought in recordings.

    Args:
        command: the parser.
        methods: those that it offers.
        given: whether what is not given stays None, as files may say it too.
    """
    low, high, method = (None, None, None) if given else (F0_MIN, F0_MAX, METHODS[0])
    for name, value, default in (("min", low, F0_MIN), ("max", high, F0_MAX)):
        command.add_argument(
            f"--f0-{name}",
            type=types.positive,
            default=value,
            metavar="HZ",
            help=f"{'lowest' if name == 'min' else 'highest'} F0 sought in recordings (default"
            f" {default:g})",
        )
    command.add_argument(
        "--f0-method",
        choices=methods,
        default=method,
        help=f"how F0 is found in recordings (default {METHODS[0]}; docs/f0.md)",
    )


def searched(item: Item, arguments: argparse.Namespace) -> Item:
    """The recording with the range and method of `add_f0_search`, where they are given.

    Raises:
        UsageError: the range is empty.
    """
    low, high = item.f0_range
    if high > 0:  # else the manifest calls it unvoiced
        low = arguments.f0_min or low
        high = arguments.f0_max or high
        if low >= high:
            raise UsageError(f"F0 from {low:g} to {high:g} Hz: expected --f0-min below --f0-max")
    method = arguments.f0_method or item.f0_method
    return dataclasses.replace(item, f0_range=(low, high), f0_method=method)


def measured_f0(
    audio: np.ndarray,
    mel: np.ndarray,
    features: FeatureConfig,
    arguments: argparse.Namespace,
    voc: Vocoder | None,
) -> np.ndarray:
    """F0 [T] of a recording as the flags of `add_f0_search` ask for it.

    Args:
        audio: [N].
        mel: its mel.
        features: the definition of the mel.
        arguments: those of the command.
        voc: the model that predicts F0 where the method needs that.

    Raises:
        ValueError, ModuleNotFoundError: as `f0_from_audio` and `Vocoder.f0`.
    """
    predicted = voc.f0(mel) if arguments.f0_method == "refined" and voc is not None else None
    return f0_from_audio(
        audio,
        features,
        arguments.f0_min,
        arguments.f0_max,
        arguments.f0_method,
        predicted=predicted,
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
