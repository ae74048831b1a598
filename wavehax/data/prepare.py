"""Recordings to memory-mapped arrays, the part of preparation that every recipe shares.

A prepared folder holds, for all utterances one after another,

    audio.npy  int16 [frames * hop_length]     mel.npy  float32 [frames, n_mels]     f0.npy  float32
    [frames] Hz mel_shifted.npy, f0_shifted.npy  with --shifted: the voice at another pitch
    (wavehax.data.shifted) manifest.json  features, per-band mel_mean and mel_scale; of each
    utterance file, speaker, first frame, frames

and for the recordings that were held out

    MANIFEST.tsv   their paths, for evaluation     dev/  a prepared folder of split `dev`, for
    samples while training

Utterances are cut to whole hops, so that frame t of the arrays belongs to samples [t*hop_length,
(t+1)*hop_length): the alignment of `wavehax.mel.features`. A frame takes 2 * hop_length + 4 *
n_mels + 4 bytes: 309 MB an hour with `vocos-24k`, 318 with `wavehax-24k`, 491 with `wavehax-48k`; 4
* n_mels + 4 bytes more with --shifted, and half as much time again.

manifest.json is written last: a folder that has one is complete. Until then progress.jsonl says how
far the arrays are valid, and preparation can be stopped in any way and taken up again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from wavehax.config import FEATURES, FeatureConfig
from wavehax.data.arrays import Arrays, Writer
from wavehax.data.corpus import Recording, write_manifest
from wavehax.data.shifted import random_factor, shifted_mel
from wavehax.errors import exit_code, ignore_import_warnings
from wavehax.files.progress import Progress
from wavehax.files.sound import nearest_int16, read_audio
from wavehax.mel.features import f0_from_audio, log_mel

_RUMBLE_HZ = (30.0, 55.0)  # the lowest voices of the corpus begin at 60 Hz
_MIN_FRAMES = 8  # anything shorter carries no speech


def main(
    doc: str,
    list_recordings: Callable[..., Iterable[Recording]],
    *,
    features: str = "vocos-24k",
    files: Mapping[str, str] | None = None,
    argv: Sequence[str] | None = None,
) -> int:
    """The command line of a recipe's prepare.py; returns its exit code.

    Args:
        doc: docstring of the recipe; its first line is shown by --help.
        list_recordings: called with the corpus folder, and by name with the path of each of
            `files`.
        features: the definition of the mel, unless --features gives another.
        files: name and help of what else the corpus needs; each becomes an option `--name FILE`
            that must be given.
        argv: instead of the arguments of the process.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0], allow_abbrev=False)
    parser.add_argument("corpus", type=Path, help="folder of the recordings")
    parser.add_argument("out", type=Path, help="folder for the arrays; made if need be")
    for name, text in (files or {}).items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=Path, required=True, metavar="FILE", help=text
        )
    parser.add_argument(
        "--features", default=features, choices=FEATURES, help=f"default {features}"
    )
    parser.add_argument(
        "--shifted", action="store_true", help="add mels of the voices at another pitch"
    )
    parser.add_argument(
        "--without-rumble",
        action="store_true",
        help="targets lose what is below 30 to 55 Hz, which mels go on showing",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="processes; by default one a core"
    )
    arguments = parser.parse_args(argv)
    if arguments.jobs < 1:
        parser.error(f"--jobs {arguments.jobs}: expected at least 1")

    def work() -> None:
        paths = {name: getattr(arguments, name) for name in files or {}}
        recordings = list(list_recordings(arguments.corpus, **paths))
        definition = FEATURES[arguments.features]
        options = {"shifted": arguments.shifted, "without_rumble": arguments.without_rumble}
        prepare(recordings, arguments.corpus, arguments.out, definition, arguments.jobs, **options)

    return exit_code(work)


def prepare(
    recordings: Sequence[Recording],
    corpus: Path,
    out: Path,
    features: FeatureConfig,
    jobs: int,
    *,
    shifted: bool = False,
    without_rumble: bool = False,
) -> None:
    """Write the prepared folder `out` of a corpus, or take it up; progress goes to the terminal.

    Args:
        recordings: all of the corpus, in the same order every time.
        corpus: the folder that file names in manifest.json are relative to.
        out: made if need be.
        features: the definition of mel and frames.
        jobs: processes.
        shifted: add mels of the training voices at another pitch.
        without_rumble: audio is `high_passed`; mel and F0 are the recording's own, so that
            a generator learns to leave out what disturbs a recording below its voice.

    Raises:
        ValueError: no recording of split `train`, one that cannot be read or is shorter than 8
            frames, or `out` was begun with other recordings or features.
        FileExistsError: `out` is complete already.
        FileNotFoundError: a recording is missing; found out before any work.
    """
    if (out / "manifest.json").exists():
        raise FileExistsError(f"{out}/manifest.json: exists already, and the folder is complete")
    missing = next(
        (recording.path for recording in recordings if not recording.path.is_file()), None
    )
    if missing:
        raise FileNotFoundError(f"{missing}: no such file")
    training, dev = ([r for r in recordings if r.split == split] for split in ("train", "dev"))
    if not training:
        raise ValueError(f"{corpus}: no recordings to train on: expected at least one")
    out.mkdir(parents=True, exist_ok=True)
    held_out = [recording for recording in recordings if recording.split != "train"]
    options = {"shifted": shifted, "without_rumble": without_rumble}
    with _pool(jobs) as pool, _writer(training, corpus, out, features, **options) as writer:
        if dev and not (out / "dev" / "manifest.json").exists():
            (out / "dev").mkdir(exist_ok=True)
            with _writer(
                dev, corpus, out / "dev", features, shifted=False, without_rumble=False
            ) as dev_writer:
                _fill(dev_writer, dev, pool)
        write_manifest(out, held_out)
        _fill(writer, training, pool)
    print(f"{out}: {len(held_out)} recordings held out")


def _writer(
    recordings: Sequence[Recording],
    corpus: Path,
    out: Path,
    features: FeatureConfig,
    *,
    shifted: bool,
    without_rumble: bool,
) -> Writer:
    """Told of each recording what decides its arrays, so that it can refuse to go on with
    others."""
    planned = [
        {
            "file": Path(os.path.relpath(recording.path, corpus)).as_posix(),
            "speaker": recording.speaker,
            "f0_min": recording.f0_min,
            "f0_max": recording.f0_max,
            "without_rumble": without_rumble,
        }
        for recording in recordings
    ]
    return Writer(out, features, planned, shifted)


def _fill(writer: Writer, recordings: Sequence[Recording], pool: Executor) -> None:
    """Analyse the recordings that the writer does not have yet, and complete its folder."""
    progress = Progress(len(recordings), len(writer.utterances))
    if progress.first:
        print(f"taking up after {progress.first} of {progress.total} utterances", file=sys.stderr)
    filtered = any(utterance["without_rumble"] for utterance in writer.planned)
    analyse = partial(_analyse, writer.features, "mel_shifted" in writer.names, filtered)
    for arrays in pool.map(analyse, recordings[progress.first :], chunksize=4):
        writer.add(arrays)
        progress.show(len(writer.utterances), "utterances")
    progress.end()
    writer.finish()
    hours = writer.num_frames * writer.features.hop_length / writer.features.sample_rate / 3600
    gigabytes = sum(path.stat().st_size for path in writer.out.iterdir() if path.is_file()) / 1e9
    speakers = len({recording.speaker for recording in recordings})
    print(
        f"{writer.out}: {len(recordings)} utterances, {speakers} speakers, {hours:.2f} hours,"
        f" {gigabytes:.2f} GB"
    )


@contextmanager
def _pool(jobs: int) -> Iterator[Executor]:
    """Processes that end with the block: where it fails, without what they have not begun."""
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _start_worker) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    ignore_import_warnings()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _analyse(
    features: FeatureConfig, shifted: bool, filtered: bool, recording: Recording
) -> Arrays:
    audio, _ = read_audio(recording.path, features.sample_rate)
    num_frames = len(audio) // features.hop_length
    if num_frames < _MIN_FRAMES:
        raise ValueError(f"{recording.path}: {num_frames} frames, expected at least {_MIN_FRAMES}")
    samples = nearest_int16(audio)
    audio = samples.astype(np.float32) / 32768  # what training will read
    mel = log_mel(audio, features)[:, :num_frames].T
    f0 = np.zeros(num_frames, np.float32)
    if recording.f0_max > 0:
        f0[:] = f0_from_audio(audio, features, recording.f0_min, recording.f0_max)[:num_frames]
    target = nearest_int16(high_passed(audio, features.sample_rate)) if filtered else samples
    arrays = {"audio": target[: num_frames * features.hop_length], "mel": mel, "f0": f0}
    if shifted:
        # the same whenever it is prepared
        factor = random_factor(f0, np.random.default_rng(zlib.crc32(samples)))
        arrays["mel_shifted"] = shifted_mel(audio, f0, factor, features).T
        arrays["f0_shifted"] = (factor * f0).astype(np.float32)
    return arrays


def high_passed(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """A recording without what lies below any voice: gone below 30 Hz, whole above 55, no phase
    shifted.

    Args:
        audio: [N].
        sample_rate: Hz.

    Returns:
        float64 [N].
    """
    spectrum = np.fft.rfft(audio, 2 * len(audio))  # zeros behind it, so that its ends do not meet
    frequencies = np.arange(len(spectrum)) * sample_rate / (2 * len(audio))
    low, high = _RUMBLE_HZ
    rising = np.clip((frequencies - low) / (high - low), 0, 1)
    return np.fft.irfft(spectrum * (0.5 - 0.5 * np.cos(np.pi * rising)), 2 * len(audio))[
        : len(audio)
    ]
