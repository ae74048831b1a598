"""Reads and writes sound files, whole or block by block. Needs the package soundfile."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from wavehax.errors import optional_module, warn
from wavehax.files.outputs import replacing
from wavehax.files.resample import resample

_TILE = 1 << 20  # samples written and checked at once: 4 MB
_FLOATING = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
_END_SLACK = 0.1  # seconds: durations in manifests are rounded, and those of MP3 are estimates
# libsndfile's log of a .wav, .aiff or .au says how many bytes of samples its header states, and how
# many there are. Programs that write to a pipe state about 2 or 4 GiB, as they do not know.
_CUT_SHORT = re.compile(r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
_UNKNOWN_SIZE = 0x7FFF0000


def read_audio(
    path: str | os.PathLike[str],
    sample_rate: int | None = None,
    *,
    start: float = 0.0,
    duration: float | None = None,
    channel: int | None = None,
) -> tuple[np.ndarray, int]:
    """Read a sound file, or a part of it, as mono.

    A warning says where a .wav, .aiff or .au ends before its header says.

    Args:
        path: a file of any type that libsndfile reads (wav, flac, ogg, mp3, aiff, ...).
        sample_rate: the rate to resample to, Hz. None keeps that of the file.
        start: seconds before the part that is read. What lies before or behind it is not decoded.
        duration: seconds of the part. None reads to the end.
        channel: the number of the channel, from 0 on. None takes the mean of all channels.

    Returns:
        the samples, float32 [N] with N >= 1, nominally in [-1, 1], and their sample rate in Hz.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a sound file, has no samples or one that is not finite, does not have
            the part or the channel, or its sample rate cannot be resampled to `sample_rate`.
        ModuleNotFoundError: soundfile is not installed.
    """
    soundfile = optional_module("soundfile", "reading and writing sound files", "soundfile")
    if Path(path).is_dir():
        raise ValueError(f"{path}: is a folder: expected a file, or a pattern such as {path}/*.wav")
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            first, count = _part(path, file.frames, rate, start, duration)
            if first:
                file.seek(first)
            samples = file.read(count, dtype="float32", always_2d=True)
            if count < 0:
                _warn_of_lost_end(path, file.frames / rate, file.extra_info)
    except (soundfile.LibsndfileError, TypeError) as error:
        raise ValueError(f"{path}: not a sound file that can be read ({_reason(error)})") from error
    if len(samples) == 0:
        raise ValueError(f"{path}: has no samples")
    if channel is not None and not 0 <= channel < samples.shape[1]:
        raise ValueError(f"{path}: has no channel {channel}: expected 0 to {samples.shape[1] - 1}")
    wave = samples.mean(axis=1) if channel is None else np.ascontiguousarray(samples[:, channel])
    finite = np.isfinite(wave)
    if not finite.all():
        raise ValueError(f"{path}: sample {int(np.argmin(finite))} is not finite")
    if sample_rate is None or sample_rate == rate:
        return wave, rate
    try:
        return resample(wave, rate, sample_rate), sample_rate
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def audio_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Samples of each channel and sample rate in Hz, of a sound file that `read_audio` reads."""
    import soundfile

    with soundfile.SoundFile(path) as file:
        return file.frames, file.samplerate


def write_audio(
    path: str | os.PathLike[str],
    wave: np.ndarray,
    sample_rate: int,
    *,
    subtype: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a mono sound file.

    It is written under a temporary name in the same folder and then renamed, so that there is never
    half a file.

    Args:
        path: the file to write. Its suffix (.wav, .flac, .ogg, ...) says which type it is.
        wave: floating [N], nominally in [-1, 1]. PCM clips samples outside.
        sample_rate: Hz.
        subtype: "PCM_16", "PCM_24" or "FLOAT" where the type has it. None is the default of the
            type, 16 bits for wav and flac.
        overwrite: replace a file that exists.

    Raises:
        FileExistsError: `path` exists and `overwrite` is not set.
        ValueError: the suffix is unknown, the type does not have the subtype, or `wave` is not
            floating, one-dimensional and finite.
        OSError: the folder is missing or cannot be written.
        ModuleNotFoundError: soundfile is not installed.
    """
    soundfile = optional_module("soundfile", "reading and writing sound files", "soundfile")
    kind = sound_type(Path(path))
    if not soundfile.check_format(kind, subtype):
        subtypes = ", ".join(soundfile.available_subtypes(kind))
        raise ValueError(f"{path}: {kind} has no subtype {subtype}; expected one of {subtypes}")
    wave = np.asarray(wave)
    if wave.dtype.kind != "f":
        raise ValueError(
            f"{path}: wave is of type {wave.dtype}: expected floating samples in [-1, 1]"
        )
    if wave.ndim != 1 or not np.isfinite(wave).all():
        raise ValueError(
            f"{path}: wave has shape {list(wave.shape)}: expected one dimension of finite samples"
        )
    with replacing(path, overwrite=overwrite) as temporary:
        try:
            subtype = subtype or soundfile.default_subtype(kind)
            samples = nearest_int16(wave) if subtype == "PCM_16" else wave
            soundfile.write(temporary, samples, sample_rate, subtype=subtype, format=kind)
        except soundfile.LibsndfileError as error:
            raise OSError(f"{path}: cannot be written ({_reason(error)})") from error


def write_blocks(
    path: Path, blocks: Iterable[np.ndarray], sample_rate: int, *, overwrite: bool = False
) -> None:
    """Write a mono sound file from consecutive blocks of samples, in bounded memory.

    Types of 16-bit integers get those of `nearest_int16`.

    Args:
        path: the file to write. Its suffix says which type it is.
        blocks: float32 [n] each, nominally in [-1, 1].
        sample_rate: Hz.
        overwrite: replace a file that exists.

    Raises:
        ValueError: the suffix of `path` is no sound file type, or a sample is not finite.
        FileExistsError: `path` exists and `overwrite` is not set.
        OSError: the folder is missing or cannot be written, or the disk is full.
    """
    import soundfile

    kind = sound_type(path)
    with replacing(path, overwrite=overwrite) as temporary:
        try:
            with soundfile.SoundFile(temporary, "w", sample_rate, channels=1, format=kind) as file:
                for tile in finite_tiles(blocks):
                    file.write(nearest_int16(tile) if file.subtype == "PCM_16" else tile)
        except (soundfile.LibsndfileError, AssertionError) as error:
            # An AssertionError: soundfile asserts that a write was complete.
            raise OSError(f"{path}: cannot be written whole (disk full?)") from error


def saturates(path: Path) -> bool:
    """Whether a sound file of this suffix holds integers, which clip samples outside [-1, 1].

    Raises:
        ValueError: the suffix is no sound file type.
    """
    import soundfile

    return soundfile.default_subtype(sound_type(path)) not in _FLOATING


def sound_type(path: Path) -> str:
    """The type that the suffix of `path` stands for, by libsndfile's name.

    Raises:
        ValueError: the suffix is no sound file type.
    """
    import soundfile

    kind = {"AIF": "AIFF", "OGA": "OGG"}.get(path.suffix[1:].upper(), path.suffix[1:].upper())
    if kind == "RAW" or kind not in soundfile.available_formats():
        raise ValueError(
            f"{path}: unknown sound file type {path.suffix!r}; expected .wav, .flac, .ogg or"
            " another of libsndfile's"
        )
    return kind


def nearest_int16(samples: np.ndarray) -> np.ndarray:
    """Round samples in [-1, 1] to the nearest 16-bit integers, halves to even ones.

    Samples outside are clipped. libsndfile would round down: an offset of half a step, with which
    the faintest sound becomes -1.
    """
    return np.clip(np.rint(samples * np.float32(32768)), -32768, 32767).astype(np.int16)


def pcm16(samples: np.ndarray) -> bytes:
    """`nearest_int16` as little-endian bytes, which a .wav holds."""
    return nearest_int16(samples).astype("<i2").tobytes()


def finite_tiles(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the same samples in tiles of bounded size.

    Raises:
        ValueError: a sample is not finite.
    """
    done = 0
    for block in blocks:
        for start in range(0, len(block), _TILE):
            tile = block[start : start + _TILE]
            finite = np.isfinite(tile)
            if not finite.all():
                raise ValueError(
                    f"output sample {done + int(np.argmin(finite))} is not finite: is this a"
                    " log-mel-spectrogram?"
                )
            done += len(tile)
            yield tile


def _part(
    path: str | os.PathLike[str], samples: int, rate: int, start: float, duration: float | None
) -> tuple[int, int]:
    """First sample and number of samples of a part given in seconds; -1 reads to the end."""
    first = round(start * rate)
    if first < 0 or (first and first >= samples):
        raise ValueError(f"{path}: start={start:g}: expected 0 to {samples / rate:g} seconds")
    if duration is None:
        return first, -1
    count = round(duration * rate)
    if count < 1 or first + count > samples + round(_END_SLACK * rate):
        raise ValueError(
            f"{path}: start={start:g}, duration={duration:g}: expected a part of its"
            f" {samples / rate:g} seconds"
        )
    return first, count


def _warn_of_lost_end(path: str | os.PathLike[str], seconds: float, log: str) -> None:
    """Warn where a file of so many seconds is cut short, by libsndfile's log of it."""
    found = _CUT_SHORT.search(log)
    if found is None:
        return
    stated, there = map(int, found.groups())
    if 0 < there < stated < _UNKNOWN_SIZE and seconds * (stated / there - 1) > _END_SLACK:
        warn(
            f"{path}: is cut short: it has {seconds:.2f} of the {seconds * stated / there:.2f} s"
            " that its header states"
        )


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).strip().rstrip(".")
