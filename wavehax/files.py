"""Output files that are either whole or absent, and sound written block by block."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

_TILE = 1 << 20  # samples written and checked at once: 4 MB
_FLOATING = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")


@contextmanager
def replacing(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary name beside `path` to write to: renamed to `path` when the block ends well,
    removed when it does not.

    Raises:
        FileExistsError: `path` exists and `overwrite` is not set; said before the block runs.
        OSError: the folder is missing, or cannot be written.
    """
    path = Path(path)
    refuse_existing(path, overwrite)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder")
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise OSError(f"{path}: cannot be written ({error.strerror})") from error
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise FileExistsError for a file that must not be replaced, OSError for what is no file
    (folder, device)."""
    if path.exists() and not path.is_file():
        raise OSError(f"{path}: exists, and is not a file")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path}: exists already; replace it with --force (overwrite=True)")


def write_blocks(
    path: Path, blocks: Iterable[np.ndarray], sample_rate: int, *, overwrite: bool = False
) -> None:
    """Write a mono sound file from consecutive blocks of float32 samples, in memory that does not
    grow with them.

    Types of 16-bit integers get those of `nearest_int16`.

    Raises:
        ValueError: the suffix of `path` is no sound file type, or a sample is not finite.
        FileExistsError, OSError: as `replacing`; also when the disk is full.
    """
    import soundfile

    kind = sound_type(path)
    with replacing(path, overwrite=overwrite) as temporary:
        try:
            with soundfile.SoundFile(temporary, "w", sample_rate, channels=1, format=kind) as file:
                for tile in finite_tiles(blocks):
                    file.write(nearest_int16(tile) if file.subtype == "PCM_16" else tile)
        except (soundfile.LibsndfileError, AssertionError) as error:
            # soundfile asserts that a write was complete
            raise OSError(f"{path}: cannot be written whole (disk full?)") from error


def sound_type(path: Path) -> str:
    """libsndfile's name of the type that the suffix of `path` stands for."""
    import soundfile

    kind = {"AIF": "AIFF", "OGA": "OGG"}.get(path.suffix[1:].upper(), path.suffix[1:].upper())
    if kind == "RAW" or kind not in soundfile.available_formats():
        raise ValueError(
            f"{path}: unknown sound file type {path.suffix!r}; expected .wav, .flac, .ogg or"
            " another of libsndfile's"
        )
    return kind


def saturates(path: Path) -> bool:
    """Whether a sound file of this suffix holds integers, which cut off what is outside [-1, 1].

    ValueError as `sound_type`.
    """
    import soundfile

    return soundfile.default_subtype(sound_type(path)) not in _FLOATING


def nearest_int16(samples: np.ndarray) -> np.ndarray:
    """Samples in [-1, 1] as the nearest of 16-bit integers, a half to the even one; what is outside
    is clipped.

    libsndfile would round down, an offset of half a step that makes -1 of the faintest sound.
    """
    return np.clip(np.rint(samples * np.float32(32768)), -32768, 32767).astype(np.int16)


def pcm16(samples: np.ndarray) -> bytes:
    """`nearest_int16` as little-endian bytes: those of a .wav."""
    return nearest_int16(samples).astype("<i2").tobytes()


def finite_tiles(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The same samples in tiles of bounded size.

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
