"""`wavehax resynth`: synthesise recordings again from their mel and F0."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wavehax.cli import shared, synthesis
from wavehax.cli.types import Commands
from wavehax.errors import printable, say
from wavehax.files.levels import without_offset
from wavehax.files.sound import read_audio
from wavehax.mel.features import log_mel, whole_frames
from wavehax.vocoder import Vocoder

DESCRIPTION = """Take mel and F0 from recordings, and synthesise them again. F0 is measured as
--f0-method says, which needs the extra [f0] for any but refined, unless --f0 gives it. The result
is as long as the recording."""


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "resynth", help="recordings to sound, through mel and F0", description=DESCRIPTION
    )
    command.add_argument("inputs", nargs="+", metavar="SOUND", help="sound files or patterns")
    command.add_argument(
        "-o", "--output", required=True, help="a sound file, or a folder for several"
    )
    synthesis.add_synthesis(command)
    shared.add_f0_search(command)
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
    recording, _ = read_audio(path, voc.sample_rate)
    recording, offset = without_offset(recording, voc.sample_rate)
    if offset:
        say(printable(f"{path}: has an offset of {offset:.3f} of full scale, which is left out"))
    audio = whole_frames(recording, voc.features)
    mel = log_mel(audio, voc.features)
    if arguments.f0 is None:
        f0: np.ndarray | None = _measured_f0(voc, audio, mel, arguments)
    else:
        f0 = synthesis.given_f0(arguments, mel.shape[1], None, voc.features)
    own = synthesis.contour(arguments, mel.shape[1], arguments.mel_f0, voc.features)
    blocks = synthesis.synthesise(voc, mel, f0, own, arguments)
    yield from synthesis.first_samples(blocks, len(recording))


def _measured_f0(
    voc: Vocoder, audio: np.ndarray, mel: np.ndarray, arguments: argparse.Namespace
) -> np.ndarray:
    try:
        return shared.measured_f0(audio, mel, voc.features, arguments, voc)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; or give F0 with --f0") from error
