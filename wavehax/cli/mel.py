"""What commands on mel files share: flags that say which mel a file holds, and .npz files."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.cli import types
from wavehax.config import FEATURES, LOGS, FeatureConfig
from wavehax.files.outputs import refuse_existing, replacing
from wavehax.mel.files import read_stats

PRESETS = f"{', '.join(FEATURES)}, or a YAML file"


def add_definition(
    command: argparse._ActionsContainer, flag: str, text: str, **options: Any
) -> None:
    """Add a flag that takes the definition of a mel; its help is `text` and the choices."""
    command.add_argument(
        flag, type=types.definition, metavar="NAME|FILE", help=f"{text}: {PRESETS}", **options
    )


def add_writing(command: argparse.ArgumentParser) -> None:
    """Add the flags that say how the values of a mel are written."""
    command.add_argument("--mel-log", choices=LOGS, help="base of the mel's logarithm, or dB")
    command.add_argument(
        "--mel-power", type=int, choices=(1, 2), help="2: bands of squared magnitudes"
    )
    command.add_argument(
        "--stats", type=Path, help=".npz with mean and scale [n_mels], if the mel is normalised"
    )


def writing_given(arguments: argparse.Namespace) -> str:
    """The flags of `add_writing` that are given, as they are typed."""
    values = {name: getattr(arguments, name) for name in ("mel_log", "mel_power", "stats")}
    given = {name: value for name, value in values.items() if value is not None}
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in given.items())


def given_definition(features: FeatureConfig, arguments: argparse.Namespace) -> FeatureConfig:
    """`features`, written as the flags of `add_writing` say where they are given."""
    fields: dict[str, Any] = {}
    if arguments.mel_log is not None:
        fields["log"] = arguments.mel_log
    if arguments.mel_power not in (None, features.power):
        fields["power"] = arguments.mel_power
        fields["log_floor"] = features.log_floor ** (arguments.mel_power / features.power)
    if arguments.stats is not None:
        mean, scale = read_stats(arguments.stats, features.n_mels)
        fields |= {"mean": tuple(mean.tolist()), "scale": tuple(scale.tolist())}
    return dataclasses.replace(features, **fields)


def check_output(output: Path, force: bool) -> None:
    """Raise ValueError or FileExistsError where no mel can be written to `output`."""
    if output.suffix.lower() != ".npz":
        raise ValueError(f"{output}: unknown file type {output.suffix!r}; expected .npz")
    refuse_existing(output, force)


def write(output: Path, mel: np.ndarray, f0: np.ndarray | None, force: bool) -> None:
    """Write a mel [n_mels, T], and its F0 [T] in Hz where there is one, to an .npz."""
    # Any, because numpy's types also give savez a keyword argument that is a flag.
    arrays: dict[str, Any] = {"mel": mel} if f0 is None else {"mel": mel, "f0": f0}
    with replacing(output, overwrite=force) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
