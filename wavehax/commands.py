"""What each command does with one file, once the arguments are understood; see wavehax.parsers for
the arguments."""

from __future__ import annotations

import argparse
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from wavehax.adapters import convert, convert_f0, natural_log
from wavehax.arguments import F0_FROM_MEL
from wavehax.audio import read_audio
from wavehax.batch import say
from wavehax.checkpoint import Model, load_model
from wavehax.config import FEATURES, FeatureConfig
from wavehax.errors import printable
from wavehax.features import f0_from_audio, log_mel
from wavehax.files import finite_tiles, pcm16, refuse_existing, replacing, saturates, write_blocks
from wavehax.inputs import checked_f0
from wavehax.levels import Clipping, amplified, limited
from wavehax.locate import card_path, model_path
from wavehax.melfile import read_f0, read_mel, read_stats
from wavehax.vocoder import Vocoder, available_isas

PIPE_FRAMES = 256
"""Most frames taken from standard input at once, unless --stream says fewer; fewer where fewer have
come."""


def vocode_file(voc: Vocoder, arguments: argparse.Namespace, path: Path, output: Path) -> None:
    """Mel file to sound file."""
    write_sound(voc, output, vocode_blocks(voc, path, arguments), arguments)


def vocode_blocks(voc: Vocoder, path: Path, arguments: argparse.Namespace) -> Iterator[np.ndarray]:
    """Samples of a mel file; nothing is read before the first is asked for."""
    features = FEATURES[arguments.features] if arguments.features else voc.features
    mel, f0 = read_mel(path, features.n_mels)
    f0 = _given_f0(arguments, mel.shape[-1], f0)
    mel = _natural_log(arguments, features)(mel)
    if features != voc.features:
        frames, mel = mel.shape[-1], convert(mel, features, voc.features)
        f0 = None if f0 is None else convert_f0(checked_f0(f0, frames), features, voc.features)
    yield from _synthesize(voc, mel, f0, arguments)


def _natural_log(
    arguments: argparse.Namespace, features: FeatureConfig
) -> Callable[[np.ndarray], np.ndarray]:
    """What makes a mel as `features` writes it of one as the arguments say that it is written."""
    if (arguments.mel_log, arguments.mel_power, arguments.stats) == ("e", 1, None):
        return lambda mel: mel
    mean, scale = read_stats(arguments.stats, features.n_mels) if arguments.stats else (0.0, 1.0)
    options = {"log": arguments.mel_log, "power": arguments.mel_power, "mean": mean, "scale": scale}
    return functools.partial(natural_log, features=features, **options)


def vocode_frames(
    voc: Vocoder, source: IO[bytes], arguments: argparse.Namespace
) -> Iterator[np.ndarray]:
    """Samples of raw frames, as soon as each chunk of them has come."""
    stream = voc.stream(arguments.seed, f0_scale=arguments.f0_scale)
    bands = voc.features.n_mels
    natural = _natural_log(arguments, voc.features)
    f0_given = arguments.f0 is not None
    empty = True
    most = min(arguments.stream or PIPE_FRAMES, PIPE_FRAMES)
    for frames in _raw_frames(source, bands if f0_given else bands + 1, most):
        f0 = _given_f0(arguments, len(frames), None if f0_given else frames[:, bands])
        empty = False
        yield stream.push(natural(frames[:, :bands].T), f0)
    if empty:
        raise ValueError("standard input is empty: expected frames of mel")
    yield stream.flush()


def _raw_frames(source: IO[bytes], width: int, most: int) -> Iterator[np.ndarray]:
    """Whole frames float32 [1 to `most`, width], as many as have come."""
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
            f" ({width} float32)"
        )


def resynth_file(voc: Vocoder, arguments: argparse.Namespace, path: Path, output: Path) -> None:
    """Sound file to sound file."""
    write_sound(voc, output, _resynth_blocks(voc, path, arguments), arguments)


def _resynth_blocks(
    voc: Vocoder, path: Path, arguments: argparse.Namespace
) -> Iterator[np.ndarray]:
    audio, _ = read_audio(path, voc.sample_rate)
    mel = log_mel(audio, voc.features)
    f0 = None if arguments.f0 is not None else _measured_f0(audio, voc.features)
    blocks = _synthesize(voc, mel, _given_f0(arguments, mel.shape[1], f0), arguments)
    yield from _first_samples(blocks, len(audio))


def _measured_f0(audio: np.ndarray, features: FeatureConfig) -> np.ndarray:
    try:
        return f0_from_audio(audio, features)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; or give F0 with --f0") from error


def _given_f0(
    arguments: argparse.Namespace, frames: int, f0: np.ndarray | None
) -> np.ndarray | None:
    """F0 from --f0 or, without it, `f0`; None where the model is to predict it."""
    if arguments.f0 == F0_FROM_MEL:
        return None
    if isinstance(arguments.f0, Path):
        return read_f0(arguments.f0)
    return f0 if arguments.f0 is None else np.full(frames, arguments.f0)


def _synthesize(
    voc: Vocoder, mel: np.ndarray, f0: np.ndarray | None, arguments: argparse.Namespace
) -> Iterator[np.ndarray]:
    chunk = arguments.stream
    if chunk is None:
        yield voc(
            mel, f0, f0_scale=arguments.f0_scale, seed=arguments.seed, threads=arguments.threads
        )
        return
    stream = voc.stream(arguments.seed)
    mel, f0 = voc.check(mel, f0, arguments.f0_scale)  # all of it before the first sample is written
    for start in range(0, mel.shape[1], chunk):
        yield stream.push(mel[:, start : start + chunk], f0[start : start + chunk])
    yield stream.flush()


def _first_samples(blocks: Iterable[np.ndarray], count: int) -> Iterator[np.ndarray]:
    for block in blocks:
        yield block[:count]
        count -= min(count, len(block))


def write_sound(
    voc: Vocoder, path: Path, blocks: Iterable[np.ndarray], arguments: argparse.Namespace
) -> None:
    """Samples to a sound file, whole or not at all; one line on standard error if integers cut some
    off."""
    clipping = Clipping()
    blocks = _levelled(blocks, arguments)
    blocks = clipping.watch(blocks) if saturates(path) else blocks
    write_blocks(path, blocks, voc.sample_rate, overwrite=arguments.force)
    _warn(clipping, str(path), arguments)


def write_samples(
    sink: IO[bytes], blocks: Iterable[np.ndarray], arguments: argparse.Namespace
) -> None:
    """Samples to standard output as raw PCM; one line on standard error if integers cut some
    off."""
    clipping = Clipping()
    write_pcm(sink, clipping.watch(_levelled(blocks, arguments)))
    _warn(clipping, "standard output", arguments)


def write_pcm(sink: IO[bytes], blocks: Iterable[np.ndarray]) -> None:
    """Samples as raw PCM, each block as soon as it is there."""
    for tile in finite_tiles(blocks):
        _write_all(sink, pcm16(tile))
        sink.flush()


def _levelled(blocks: Iterable[np.ndarray], arguments: argparse.Namespace) -> Iterable[np.ndarray]:
    """With the level that --gain and --peak ask for."""
    blocks = amplified(blocks, arguments.gain) if arguments.gain else blocks
    return blocks if arguments.peak is None else limited(blocks, arguments.peak)


def _warn(clipping: Clipping, subject: str, arguments: argparse.Namespace) -> None:
    if message := clipping.message(subject, arguments.gain):
        say(printable(message))


def _write_all(sink: IO[bytes], data: bytes) -> None:
    """Unbuffered, standard output takes what there is room for, and says how much that was."""
    rest = memoryview(data)
    while rest:
        taken = sink.write(rest)
        if not taken:
            raise OSError(
                f"standard output takes no more: {len(rest)} of {len(data)} bytes are left"
            )
        rest = rest[taken:]


def features_file(
    features: FeatureConfig, arguments: argparse.Namespace, path: Path, output: Path
) -> None:
    """Sound file to .npz of mel and f0."""
    if output.suffix.lower() != ".npz":
        raise ValueError(f"{output}: unknown file type {output.suffix!r}; expected .npz")
    refuse_existing(output, arguments.force)
    audio, _ = read_audio(path, features.sample_rate)
    arrays = {"mel": log_mel(audio, features)}
    try:
        arrays["f0"] = f0_from_audio(audio, features)
    except ModuleNotFoundError as error:
        say(f"{path}: mel without f0: {error}")
    with replacing(output, overwrite=arguments.force) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def describe(name: str | None, isa: str, precision: str) -> str:
    """What a model is, as lines of text."""
    path = model_path(name)
    model = load_model(path)
    voc = Vocoder(model, isa=isa, precision=precision)
    card = card_path(path)
    rows = [("model", str(path)), *([("card", str(card))] if card else []), *_shape_rows(model)]
    rows.append(("streaming", _delay(voc)))
    rows.append(("isa", f"{voc.isa} (available: {', '.join(available_isas())})"))
    rows.append(("precision", voc.precision))
    rows += _provenance_rows(model.provenance)
    rows = [(printable(label), printable(value)) for label, value in rows]
    width = max(len(label) for label, _ in rows) + 2
    return "\n".join(f"{label:<{width}}{value}" for label, value in rows)


def _provenance_rows(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """One row a mapping: nested ones get rows of their own, `scores dev` and so on."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    rows = (
        [(prefix, ", ".join(f"{key} {_short(value)}" for key, value in plain.items()))]
        if prefix and plain
        else []
    )
    rows += [] if prefix else [(key, _short(value)) for key, value in plain.items()]
    for key, value in values.items():
        rows += (
            _provenance_rows(value, f"{prefix} {key}".strip()) if isinstance(value, dict) else []
        )
    return rows


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _shape_rows(model: Model) -> list[tuple[str, str]]:
    config, features = model.generator, model.features
    state = ("mel_mean", "mel_scale") + (
        ("filter_bank",) if config.stream_filter != "learned" else ()
    )
    trained = [
        x.size
        for name, x in model.weights.items()
        if not name.startswith(state) and ".running_" not in name
    ]
    fields = itertools.chain(
        (
            f"{config.output} domain",
            f"prior {config.prior}",
            f"{config.channels} channels x {config.mult_channels}",
        ),
        (
            f"{config.num_blocks} blocks {config.kernel_size[0]} x {config.kernel_size[1]}",
            f"n_fft {config.n_fft}",
        ),
        (f"norm {config.norm}", f"{config.time_padding} in time"),
        (f"{config.num_streams} streams ({config.stream_filter})",)
        if config.num_streams > 1
        else (),
        ("log-magnitude and phase",) if config.use_logmag_phase else (),
    )
    mel = (
        f"{features.name}: {features.n_mels} {features.mel_scale} bands"
        f" {features.f_min:g}-{features.f_max:g} Hz,"
        f" n_fft {features.n_fft}, {features.padding} frames, ln of at least {features.log_floor:g}"
    )
    f0 = "must be given"
    if model.f0 is not None:
        low, high = model.f0.config.f0_min, model.f0.config.f0_max
        f0 = (
            f"predicted from the mel where not given: {low:.0f}-{high:.0f} Hz,"
            f" {model.f0.config.channels} channels"
        )
    return [
        ("sound", f"{config.sample_rate} Hz, {config.hop_length} samples a frame"),
        ("features", mel),
        ("generator", ", ".join(fields)),
        ("parameters", f"{sum(trained):,}"),
        ("f0", f0),
    ]


def _delay(voc: Vocoder) -> str:
    if not voc.config.streamable:
        return (
            f"no: norm {voc.config.norm!r} or {voc.config.outer_norm!r} needs the whole utterance"
        )
    stream = voc.stream()
    milliseconds = 1000 * stream.delay / voc.sample_rate
    return (
        f"delay {stream.delay} samples, {milliseconds:.1f} ms; {stream.memory / 1e6:.1f} MB a voice"
    )
