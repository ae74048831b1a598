"""Sound files in and out, whole or block by block, and resampling; needs soundfile for files
only."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from wavehax.errors import optional_module
from wavehax.files.outputs import replacing

_TILE = 1 << 20  # samples written and checked at once: 4 MB
_FLOATING = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
# of the sinc on either side; under the Kaiser window the transition is a tenth of the band wide
_ZERO_CROSSINGS = 64
_KAISER_BETA = 10.056  # Kaiser's formula for 100 dB of stop-band attenuation: 0.1102 * (100 - 8.7)
_ROLLOFF = 0.95  # centre of that transition, so that it ends at the Nyquist frequency
# of filters, 0.4 GB while they are made: 44101 to 24000 Hz needs 6 million, 44100 20,000
_MOST_COEFFICIENTS = 1 << 23
# as many samples: a file that says that it has 1 Hz would become 24,000 times as long
_MOST_TIMES = 64
_BLOCK_OUTPUTS = 8192  # samples resampled at once: 8 MB of products at 256 taps


def read_audio(
    path: str | os.PathLike[str], sample_rate: int | None = None
) -> tuple[np.ndarray, int]:
    """Read a sound file as mono (the mean of its channels).

    Args:
        path: any type libsndfile reads (wav, flac, ogg, mp3, aiff, ...).
        sample_rate: Hz to resample to; None keeps the file's.

    Returns:
        float32 [N] with N >= 1, and its sample rate in Hz.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a sound file, no samples in it, a sample that is not finite, or a sample
            rate that is none.
    """
    soundfile = optional_module("soundfile", "reading and writing sound files", "soundfile")
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, TypeError) as error:
        raise ValueError(f"{path}: not a sound file that can be read ({_reason(error)})") from error
    if len(samples) == 0:
        raise ValueError(f"{path}: has no samples")
    wave = samples.mean(axis=1)
    finite = np.isfinite(wave)
    if not finite.all():
        raise ValueError(f"{path}: sample {int(np.argmin(finite))} is not finite")
    if sample_rate is None or sample_rate == rate:
        return wave, rate
    try:
        return resample(wave, rate, sample_rate), sample_rate
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_audio(
    path: str | os.PathLike[str],
    wave: np.ndarray,
    sample_rate: int,
    *,
    subtype: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a mono sound file: under a temporary name in the same folder, then renamed, so never
    half a file.

    Args:
        path: the type follows from the suffix (.wav, .flac, .ogg, ...).
        wave: [N], nominally in [-1, 1]; PCM clips what lies outside.
        sample_rate: Hz.
        subtype: "PCM_16", "PCM_24" or "FLOAT" where the type has it; None takes the type's own
            (wav, flac: 16 bit).
        overwrite: replace a file that exists.

    Raises:
        FileExistsError: `path` exists and `overwrite` is not set.
        ValueError: unknown suffix, a subtype that the type does not have, or `wave` is not
            one-dimensional and finite.
        OSError: the folder is missing or cannot be written.
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


def saturates(path: Path) -> bool:
    """Whether a sound file of this suffix holds integers, which cut off what is outside [-1, 1].

    ValueError as `sound_type`.
    """
    import soundfile

    return soundfile.default_subtype(sound_type(path)) not in _FLOATING


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


def resample(wave: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Band-limited resampling by a Kaiser-windowed sinc: flat to 0.9 of the lower Nyquist
    frequency, 100 dB down above.

    Args:
        wave: [N].
        from_rate: its sample rate, Hz.
        to_rate: the sample rate wanted, Hz.

    Returns:
        float32 [ceil(N * to_rate / from_rate)], in step with the input: sample n stands at time n /
        to_rate.

    Raises:
        ValueError: rates so far apart, or of so small a divisor, as none have: filters or result
            would be huge.
    """
    if from_rate == to_rate:
        return np.asarray(wave, np.float32)
    divisor = math.gcd(from_rate, to_rate)
    up, down = to_rate // divisor, from_rate // divisor
    size = up * 2 * math.ceil(_ZERO_CROSSINGS / _ROLLOFF * max(1.0, down / up))
    if size > _MOST_COEFFICIENTS or up > _MOST_TIMES * down:
        raise ValueError(f"sample rate {from_rate} Hz: cannot be resampled to {to_rate} Hz")
    filters = _phase_filters(up, down)
    half = filters.shape[1] // 2
    padded = np.pad(np.asarray(wave, np.float32), half)
    taps = np.lib.stride_tricks.sliding_window_view(padded, filters.shape[1])
    resampled = np.empty(-(-len(wave) * up // down), np.float32)
    for start in range(0, len(resampled), _BLOCK_OUTPUTS):
        position = np.arange(start, min(start + _BLOCK_OUTPUTS, len(resampled))) * down
        # Window k holds inputs k - half ... k + half - 1; output time position/up lies between the
        # two middle ones.
        resampled[start : start + len(position)] = np.einsum(
            "nk,nk->n", taps[position // up + 1], filters[position % up]
        )
    return resampled


def _phase_filters(up: int, down: int) -> np.ndarray:
    """The windowed sinc seen from each of `up` positions between two inputs: float32 [up, taps],
    rows sum to 1."""
    cutoff = _ROLLOFF * min(1.0, up / down)  # of the input's Nyquist frequency
    half = math.ceil(_ZERO_CROSSINGS / cutoff)
    # input sample minus output time
    offset = np.arange(1 - half, half + 1) - np.arange(up)[:, None] / up
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0, 1 - (offset / half) ** 2)))
    filters = np.sinc(cutoff * offset) * window
    return (filters / filters.sum(axis=1, keepdims=True)).astype(np.float32)


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).strip().rstrip(".")
