"""The common part of `vocode` and `resynth`: arguments of synthesis, and writing of samples."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

import wavehax
from wavehax.checks import checked_f0, fitted_f0
from wavehax.cli import shared, types
from wavehax.config import FeatureConfig
from wavehax.errors import UsageError, naming, printable, say
from wavehax.files.levels import Clipping, amplified, limited
from wavehax.files.sound import finite_tiles, pcm16, saturates, write_blocks
from wavehax.mel.contour import f0_of_frames
from wavehax.mel.files import read_f0
from wavehax.mel.formants import move_formants
from wavehax.mel.harmonics import flatten_harmonics
from wavehax.mel.plausible_f0 import refuse_other_unit
from wavehax.mel.plausible_mel import check_definition
from wavehax.vocoder import Vocoder


def add_synthesis(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", metavar="MODEL", help=shared.MODEL_HELP)
    command.add_argument(
        "--f0",
        type=types.f0,
        metavar="FILE|HZ|mel",
        help="F0: a .npy, .npz, .h5 or .pt file; a number of Hz for all frames; or mel, which lets"
        " the model predict it from the mel",
    )
    _add_contour(command)
    shared.add_scales(command)
    command.add_argument(
        "--seed", type=types.seed, default=0, help="seed of noise and initial phase (default 0)"
    )
    command.add_argument(
        "--gain", type=types.decibels, default=0.0, metavar="DB", help="amplify by DB (default 0)"
    )
    peak_help = "scale the sound down if its peak is above DBFS; not with --stream"
    command.add_argument("--peak", type=types.peak, metavar="DBFS", help=peak_help)
    command.add_argument(
        "--stream",
        type=types.count,
        metavar="FRAMES",
        help="synthesise and write chunks of FRAMES, in bounded memory; the sound is the same",
    )
    command.add_argument(
        "--threads",
        type=types.count,
        default=1,
        metavar="N",
        help="threads that share one utterance; the sound is the same (default 1)",
    )
    shared.add_isa(command)
    shared.add_batch(command)


def _add_contour(command: argparse.ArgumentParser) -> None:
    """Add what tells how given F0 is written, and the pitch that the mel has."""
    shared.add_f0_writing(command)
    command.add_argument(
        "--mel-f0",
        type=types.f0,
        metavar="FILE|HZ|mel",
        help="F0 of the voice in the mel, as --f0, where it is another than the F0 wanted; its"
        " harmonics are smoothed out of the mel",
    )


def check_stream(arguments: argparse.Namespace) -> None:
    """Raise UsageError for arguments that need whole utterances where frames are streamed."""
    if not (arguments.stream or "-" in arguments.inputs):
        return
    if arguments.threads > 1:
        raise UsageError(
            f"--threads {arguments.threads}: frames that are streamed are the work of one thread"
        )
    if arguments.peak is not None:
        raise UsageError(
            f"--peak {arguments.peak:g}: the peak of frames that are streamed is not known, use"
            " --gain"
        )


def each(arguments: argparse.Namespace, work: Callable[..., None], suffix: str) -> int:
    """Call `work(voc, arguments, input, output)` for all inputs, with one loaded model.

    Returns:
        the exit code, 1 if an input failed and otherwise 0.
    """
    from wavehax.files import batch

    inputs = batch.expand(arguments.inputs)
    count = len(inputs.paths)
    for flag, value in (("--f0", arguments.f0), ("--mel-f0", arguments.mel_f0)):
        if count > 1 and isinstance(value, Path):
            raise UsageError(f"{flag} {value}: one file cannot be the F0 of {count} inputs")
    voc = wavehax.load(arguments.model, isa=arguments.isa, precision=arguments.precision)
    existing = {"force": arguments.force, "resume": arguments.resume}
    pairs = batch.pairs(inputs, arguments.output, suffix, **existing)
    return batch.run(functools.partial(work, voc, arguments), pairs, arguments.jobs)


def given_f0(
    arguments: argparse.Namespace, frames: int, f0: np.ndarray | None, features: FeatureConfig
) -> np.ndarray | None:
    """F0 [T] in Hz from --f0 or, without it, `f0`; None where the model predicts it.

    Args:
        arguments: those of the command, which tell the unit, the gaps and the frame rate too.
        frames: T of the mel.
        f0: what the mel file has, in the same unit and at the same rate.
        features: the definition of the mel.
    """
    value = f0 if arguments.f0 is None else arguments.f0
    return contour(arguments, frames, value, features)


def contour(
    arguments: argparse.Namespace,
    frames: int,
    value: Path | float | str | np.ndarray | None,
    features: FeatureConfig,
) -> np.ndarray | None:
    """A contour [T] in Hz from a file, a number or an array; None for F0_FROM_MEL and None."""
    if value is None or isinstance(value, str):
        return None
    f0 = read_f0(value) if isinstance(value, Path) else value
    return f0_of_frames(f0, frames, features, **shared.f0_writing(arguments))


def synthesise(
    voc: Vocoder,
    mel: np.ndarray,
    f0: np.ndarray | None,
    own: np.ndarray | None,
    arguments: argparse.Namespace,
) -> Iterator[np.ndarray]:
    """Yield the samples of an utterance: in one block, or with --stream in chunks.

    Args:
        voc: the model.
        mel: [n_mels, T] as the model takes it.
        f0: [T] in Hz, the F0 that is wanted; None where the model predicts it.
        own: [T] in Hz, the contour of --mel-f0; None where it is not given, or the model predicts
            it.
        arguments: those of the command.
    """
    mel, f0 = _prepared(voc, mel, f0, own, arguments)  # refuses before any sample is written
    if arguments.stream is None:
        yield voc.synthesise(mel, f0, seed=arguments.seed, threads=arguments.threads)
        return
    stream = voc.stream(arguments.seed)
    for start in range(0, mel.shape[1], arguments.stream):
        frames = slice(start, start + arguments.stream)
        yield stream.push_checked(mel[:, frames], f0[frames])
    yield stream.flush()


def _prepared(
    voc: Vocoder,
    mel: np.ndarray,
    f0: np.ndarray | None,
    own: np.ndarray | None,
    arguments: argparse.Namespace,
) -> tuple[np.ndarray, np.ndarray]:
    """Mel and F0 as `Vocoder.prepare` returns them, also where the mel's own pitch is given.

    Raises:
        ValueError: F0 is missing where the mel's own pitch is given, or one is not as expected.
    """
    if arguments.mel_f0 is None:
        return voc.prepare(
            mel,
            f0,
            arguments.f0_scale,
            arguments.formant_scale,
            force_definition=arguments.force_definition,
        )
    if f0 is None:
        raise ValueError("--mel-f0: needs the F0 that is wanted as well: --f0 with a file or Hz")
    natural, own = _own_pitch(voc, mel, own, arguments)
    frames, scale = natural.shape[1], arguments.f0_scale
    given = fitted_f0(f0, frames)
    f0 = checked_f0(given, frames, scale=scale)
    refuse_other_unit(given, own)
    voc._inputs.range_of(scale, predicted=False).look(f0)
    mel = flatten_harmonics(natural, own, voc.features)
    if arguments.formant_scale != 1:
        mel = move_formants(mel, f0, arguments.formant_scale, voc.features)
    return mel, f0


def _own_pitch(
    voc: Vocoder, mel: np.ndarray, own: np.ndarray | None, arguments: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray]:
    """The natural mel and its own pitch, checked; messages of the pitch begin with --mel-f0."""
    natural = voc._inputs.whole_mel(mel)
    if not arguments.force_definition:
        check_definition(voc._inputs.finding(natural), voc.features)
    with naming("--mel-f0"):
        try:
            return voc.prepare(mel, own, force_definition=True)
        except ValueError as error:
            raise ValueError(f"--mel-f0: {error}") from error


def first_samples(blocks: Iterable[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Yield the first `count` samples, and then empty blocks."""
    for block in blocks:
        yield block[:count]
        count -= min(count, len(block))


def write_sound(
    voc: Vocoder, path: Path, blocks: Iterable[np.ndarray], arguments: argparse.Namespace
) -> None:
    """Write samples to a sound file, whole or not at all.

    One line on standard error tells how many samples were clipped, if any.
    """
    clipping = Clipping()
    blocks = _levelled(blocks, arguments)
    blocks = clipping.watch(blocks) if saturates(path) else blocks
    write_blocks(path, blocks, voc.sample_rate, overwrite=arguments.force)
    _warn(clipping, str(path), arguments)


def write_samples(
    sink: IO[bytes], blocks: Iterable[np.ndarray], arguments: argparse.Namespace
) -> None:
    """Write samples to standard output as raw PCM.

    One line on standard error tells how many samples were clipped, if any.
    """
    clipping = Clipping()
    write_pcm(sink, clipping.watch(_levelled(blocks, arguments)))
    _warn(clipping, "standard output", arguments)


def write_pcm(sink: IO[bytes], blocks: Iterable[np.ndarray]) -> None:
    """Write samples as raw PCM, each block as soon as it comes."""
    for tile in finite_tiles(blocks):
        _write_all(sink, pcm16(tile))
        sink.flush()


def _levelled(blocks: Iterable[np.ndarray], arguments: argparse.Namespace) -> Iterable[np.ndarray]:
    """The blocks at the level that --gain and --peak ask for."""
    blocks = amplified(blocks, arguments.gain) if arguments.gain else blocks
    return blocks if arguments.peak is None else limited(blocks, arguments.peak)


def _warn(clipping: Clipping, subject: str, arguments: argparse.Namespace) -> None:
    if message := clipping.message(subject, arguments.gain):
        say(printable(message))


def _write_all(sink: IO[bytes], data: bytes) -> None:
    """Write all bytes to an unbuffered output, which may take only a part at a time."""
    rest = memoryview(data)
    while rest:
        taken = sink.write(rest)
        if not taken:
            raise OSError(
                f"standard output takes no more: {len(rest)} of {len(data)} bytes are left"
            )
        rest = rest[taken:]
