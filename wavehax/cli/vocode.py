"""`wavehax vocode`: synthesise sound from mel files, or from frames as they come."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import math
import os
import sys
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import cast

import numpy as np

import wavehax
from wavehax.checks import checked_f0, checked_mel, fitted_f0
from wavehax.cli import mel as mels
from wavehax.cli import shared, synthesis
from wavehax.cli.types import Commands
from wavehax.config import LOGS, FeatureConfig
from wavehax.config.written import written
from wavehax.errors import UsageError
from wavehax.files import batch
from wavehax.mel.contour import f0_in_hz
from wavehax.mel.convert import convert, convert_f0, natural_log
from wavehax.mel.files import read_mel
from wavehax.vocoder import Vocoder

DESCRIPTION = """Synthesise sound from log-mel-spectrograms. With - as input, frames are read from
standard input as they come. They are little-endian float32: the bands of a frame and then its F0 in
Hz, which is left out where --f0 is HZ or mel. With -o -, samples go to standard output as they are
ready, as little-endian signed 16 bits, mono. From - to -, the memory used does not grow."""

PIPE_FRAMES = 256
"""Most frames taken from standard input at once, unless --stream is less.

If fewer have come, these are taken.
"""

_MOST_NEPERS = 25.0
"""A log-magnitude above that of any sound: samples of 16-bit integers, not divided, reach 18."""


def add(commands: Commands) -> None:
    command = commands.add_parser("vocode", help="mel files to sound", description=DESCRIPTION)
    command.add_argument(
        "inputs",
        nargs="+",
        metavar="MEL",
        help=".npy, .npz, .h5 or .pt files, patterns, or - for raw frames",
    )
    command.add_argument(
        "-o", "--output", required=True, help="a sound file, a folder for several, or - for raw PCM"
    )
    mels.add_definition(
        command,
        "--features",
        "definition of the mel, which is converted if near enough; by default the model's",
    )
    mels.add_writing(command)
    shared.add_force_definition(command)
    synthesis.add_synthesis(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    synthesis.check_stream(arguments)
    if "-" in arguments.inputs or arguments.output == "-":
        return _vocode_pipe(arguments)
    return synthesis.each(arguments, vocode_file, ".wav")


def _vocode_pipe(arguments: argparse.Namespace) -> int:
    if len(arguments.inputs) != 1:
        raise UsageError(
            f"- stands for one input or output, and there are {len(arguments.inputs)} inputs"
        )
    if arguments.inputs == ["-"] and arguments.features:
        raise UsageError(
            f"--features {arguments.features.name}: only files are converted, not frames on"
            " standard input"
        )
    if arguments.inputs == ["-"] and isinstance(arguments.f0, Path):
        raise UsageError(
            "--f0: with frames on standard input it is a number of Hz or mel, or comes with each"
            " frame"
        )
    for flag in ("mel_f0", "f0_hop"):
        if arguments.inputs == ["-"] and getattr(arguments, flag) is not None:
            raise UsageError(
                f"--{flag.replace('_', '-')}: needs whole files, not frames on standard input"
            )
    if arguments.resume:
        raise UsageError("--resume: with - there is no output that could be there already")
    voc = wavehax.load(arguments.model, isa=arguments.isa, precision=arguments.precision)
    if arguments.inputs == ["-"]:
        blocks = vocode_frames(voc, cast(BufferedReader, sys.stdin.buffer), arguments)
    else:
        blocks = vocode_blocks(voc, Path(arguments.inputs[0]), arguments)
    if arguments.output == "-":
        batch.alone(functools.partial(_write_samples, blocks, arguments))
    else:
        output = Path(arguments.output)
        batch.alone(functools.partial(synthesis.write_sound, voc, output, blocks, arguments))
    return 0


def _write_samples(blocks: Iterable[np.ndarray], arguments: argparse.Namespace) -> None:
    try:
        synthesis.write_samples(sys.stdout.buffer, blocks, arguments)
    except OSError:
        # Bytes are still buffered. Unless they go nowhere, the interpreter fails on them once more
        # when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def vocode_file(voc: Vocoder, arguments: argparse.Namespace, path: Path, output: Path) -> None:
    """Synthesise one mel file to a sound file."""
    synthesis.write_sound(voc, output, vocode_blocks(voc, path, arguments), arguments)


def vocode_blocks(voc: Vocoder, path: Path, arguments: argparse.Namespace) -> Iterator[np.ndarray]:
    """Yield the samples of a mel file; nothing is read before the first block is asked for."""
    plain = arguments.features or voc.features
    given = mels.given_definition(plain, arguments)
    mel, f0 = read_mel(path, given.n_mels, wants_f0=arguments.f0 is None)
    if given != plain and not arguments.force_definition:
        _check_writing(voc, mel, plain, given, arguments)
    frames = mel.shape[-1]
    f0 = synthesis.given_f0(arguments, frames, f0, given)
    own = synthesis.contour(arguments, frames, arguments.mel_f0, given)
    if given != voc.features:
        mel = convert(mel, given, voc.features, force_definition=arguments.force_definition)
        # It was looked at as what it is given for, which says more than what was made of it.
        arguments = argparse.Namespace(**{**vars(arguments), "force_definition": True})
        f0, own = (_converted(contour, frames, given, voc.features) for contour in (f0, own))
    yield from synthesis.synthesise(voc, mel, f0, own, arguments)


def _check_writing(
    voc: Vocoder,
    mel: np.ndarray,
    plain: FeatureConfig,
    given: FeatureConfig,
    arguments: argparse.Namespace,
) -> None:
    """Refuse flags that say how a mel is written, where it is one of its definition without them.

    Args:
        voc: the model.
        mel: [n_mels, T] as the file has it.
        plain: the definition without the flags.
        given: the definition with them.
        arguments: those of the command, which have the flags.

    Raises:
        ValueError: the mel is such a one; the message names the flags.
    """
    if not plain.same_bands(voc.features) or mel.ndim != 2 or len(mel) != plain.n_mels:
        return
    with_flags, without = (
        voc._inputs.finding(
            checked_mel(convert(mel, it, voc.features, force_definition=True), voc.features)
        )
        for it in (given, plain)
    )
    if with_flags is not None and without is None:
        flags = mels.writing_given(arguments)
        raise ValueError(
            f"mel looks like {plain.name!r} as it is, and with {flags} like {with_flags.cause}:"
            f" leave out {flags}; --force-definition takes the mel as the flags say"
        )


def _converted(
    f0: np.ndarray | None, frames: int, given: FeatureConfig, features: FeatureConfig
) -> np.ndarray | None:
    """A contour of a mel of `frames` frames, with the frames that its conversion gives the mel."""
    if f0 is None or given.same_bands(features):
        return f0
    return convert_f0(checked_f0(fitted_f0(f0, frames), frames), given, features)


def _rewritten(
    mel: np.ndarray, given: FeatureConfig, features: FeatureConfig, first: int
) -> np.ndarray:
    """Frames of `given` as `features` writes them; the bands are the same.

    Raises:
        ValueError: as `checked_mel`; the message counts frames from `first`.
    """
    if given == features:
        return mel
    mel = checked_mel(mel, given, first)
    if given.power == features.power:
        return written(np.maximum(mel, np.float32(math.log(features.magnitude_floor))), features)
    plain = dataclasses.replace(features, log="e", reference=1.0, mean=(), scale=(), clip=())
    return written(natural_log(given.power * mel, plain, power=given.power), features)


def vocode_frames(
    voc: Vocoder, source: BufferedReader, arguments: argparse.Namespace
) -> Iterator[np.ndarray]:
    """Yield the samples of raw frames, as soon as each chunk of them has come."""
    scales = {"f0_scale": arguments.f0_scale, "formant_scale": arguments.formant_scale}
    stream = voc.stream(arguments.seed, **scales)
    bands = voc.features.n_mels
    given = mels.given_definition(voc.features, arguments)
    f0_given = arguments.f0 is not None
    most = min(arguments.stream or PIPE_FRAMES, PIPE_FRAMES)
    count = 0
    for frames in _raw_frames(source, bands if f0_given else bands + 1, most):
        _check_layout(frames, given, count, arguments)
        if f0_given:
            f0 = synthesis.given_f0(arguments, len(frames), None, voc.features)
        else:
            f0 = f0_in_hz(frames[:, bands], arguments.f0_unit, arguments.f0_unvoiced, count)
        mel = _rewritten(frames[:, :bands].T, given, voc.features, count)
        count += len(frames)
        yield stream.push(mel, f0)
    if count == 0:
        raise ValueError("standard input is empty: expected frames of mel")
    yield stream.flush()


def _check_layout(
    frames: np.ndarray, given: FeatureConfig, first: int, arguments: argparse.Namespace
) -> None:
    """Raise ValueError where frames carry F0 and should not, or should and do not.

    `frames` are [n, width] of a mel that is `given`; messages count them from `first`.
    """
    bands = given.n_mels
    if arguments.f0 is None:
        negative = (frames[:, bands] < 0) & (arguments.f0_unvoiced == "zero")
        if negative.any():
            frame = int(np.argmax(negative))
            raise ValueError(
                f"f0 is {frames[frame, bands]} in frame {first + frame}: expected Hz behind the"
                f" {bands} bands of each frame; if frames are the bands alone, give --f0 mel or"
                " --f0 HZ, and if negative numbers are unvoiced, --f0-unvoiced any"
            )
        return
    beyond = frames > _MOST_NEPERS / LOGS[given.log]
    if beyond.any():
        frame, band = divmod(int(np.argmax(beyond)), bands)
        raise ValueError(
            f"mel is {frames[frame, band]} in band {band} of frame {first + frame}, which is above"
            f" any sound; if that is an F0, each frame is {bands} bands and F0: leave out --f0"
        )


def _raw_frames(source: BufferedReader, width: int, most: int) -> Iterator[np.ndarray]:
    """Yield all whole frames that have come, float32 [1 to `most`, width]."""
    size, pending, count = 4 * width, b"", 0
    while data := source.read1(most * size - len(pending)):
        pending += data
        whole = len(pending) // size
        if whole:
            yield np.frombuffer(pending, "<f4", whole * width).reshape(whole, width)
            pending, count = pending[whole * size :], count + whole
    if pending:
        raise ValueError(
            f"standard input ends inside frame {count}: {len(pending)} of its {size} bytes"
            f" ({width} float32; --f0 says whether F0 is one of them)"
        )
