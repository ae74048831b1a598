"""`wavehax resynth`: synthesise recordings again from their mel and F0."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wavehax.cli import synthesis
from wavehax.cli.types import Commands
from wavehax.config import FeatureConfig
from wavehax.files.sound import read_audio
from wavehax.mel.features import f0_from_audio, log_mel
from wavehax.vocoder import Vocoder

DESCRIPTION = """Take mel and F0 from recordings, and synthesise them again. F0 is measured with
WORLD Harvest, which needs the extra [f0], unless --f0 gives it. The result is cut to the
recording's length."""


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "resynth", help="recordings to sound, through mel and F0", description=DESCRIPTION
    )
    command.add_argument("inputs", nargs="+", metavar="SOUND", help="sound files or patterns")
    command.add_argument(
        "-o", "--output", required=True, help="a sound file, or a folder for several"
    )
    synthesis.add_synthesis(command)
    command.set_defaults(run=run, force_definition=True)  # the mel is of the definition


def run(arguments: argparse.Namespace) -> int:
    synthesis.check_stream(arguments)
    return synthesis.each(arguments, resynth_file, ".wav")


def resynth_file(voc: Vocoder, arguments: argparse.Namespace, path: Path, output: Path) -> None:
    """Synthesise one sound file again."""
    synthesis.write_sound(voc, output, _resynth_blocks(voc, path, arguments), arguments)


def _resynth_blocks(
    voc: Vocoder, path: Path, arguments: argparse.Namespace
) -> Iterator[np.ndarray]:
    audio, _ = read_audio(path, voc.sample_rate)
    mel = log_mel(audio, voc.features)
    f0 = None if arguments.f0 is not None else _measured_f0(audio, voc.features)
    blocks = synthesis.synthesise(
        voc, mel, synthesis.given_f0(arguments, mel.shape[1], f0), arguments
    )
    yield from synthesis.first_samples(blocks, len(audio))


def _measured_f0(audio: np.ndarray, features: FeatureConfig) -> np.ndarray:
    try:
        return f0_from_audio(audio, features)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; or give F0 with --f0") from error
