"""Preparation: recordings to memory-mapped arrays, the part that every recipe shares.

A prepared folder holds, for all utterances one after another,

    audio.npy        int16 [frames * hop_length]
    mel.npy          float32 [frames, n_mels], natural mel (wavehax.config.written)
    f0.npy           float32 [frames] in Hz
    mel_shifted.npy  with --shifted: mel of the voice at another pitch (wavehax.data.shifted)
    manifest.json    features; mel_mean and mel_scale of each band; file, speaker, first frame and
                     number of frames of each utterance, and its `mel` if that was given

and for the recordings that were held out

    MANIFEST.tsv     their paths, for evaluation
    dev/             a prepared folder of split `dev`, for samples while training

Utterances are cut to whole hops, so that frame t of the arrays belongs to the `hop_length` samples
from t * hop_length on: the alignment of `wavehax.mel.features`. A frame takes
2 * hop_length + 4 * n_mels + 4 bytes. That is 309 MB an hour with `vocos-24k`, 318 with
`wavehax-24k` and 491 with `wavehax-48k`. With --shifted a frame takes 4 * n_mels bytes more,
and preparation half as long again.

manifest.json is written last: a folder that has one is complete. Until then progress.jsonl says how
far the arrays are valid. Preparation can be stopped in any way and taken up again.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import numpy as np

from wavehax.config import FEATURES, FeatureConfig
from wavehax.data.arrays import Arrays, Writer, refuse_complete, write_all
from wavehax.data.augment import high_passed
from wavehax.data.corpus import Recording, write_manifest
from wavehax.data.given import QUIETEST, check_follows, check_preset, given_mel
from wavehax.data.pool import worker_pool
from wavehax.data.shifted import random_factor, shifted_mel
from wavehax.errors import exit_code
from wavehax.files.progress import Progress
from wavehax.files.sound import nearest_int16, read_audio
from wavehax.mel.definitions import definition_of
from wavehax.mel.features import f0_from_audio, levelled, natural_mel
from wavehax.mel.pitch import RECORDING_METHODS

_MIN_FRAMES = 8  # a recording shorter than that contains no speech


def main(
    doc: str,
    list_recordings: Callable[..., Iterable[Recording]],
    *,
    features: str = "vocos-24k",
    files: Mapping[str, str] | None = None,
    argv: Sequence[str] | None = None,
) -> int:
    """Run the command line of a recipe's prepare.py; returns its exit code.

    Args:
        doc: docstring of the recipe; its first line is shown by --help.
        list_recordings: called with the corpus folder, and by name with the path of each of
            `files`.
        features: the definition of the mel, unless --features gives another.
        files: name and help of each further file that the corpus needs; it becomes an option
            `--name FILE` that must be given.
        argv: the arguments; by default those of the process.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0], allow_abbrev=False)
    parser.add_argument("corpus", type=Path, help="folder of the recordings")
    parser.add_argument("out", type=Path, help="folder for the arrays; made if need be")
    for name, text in (files or {}).items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=Path, required=True, metavar="FILE", help=text
        )
    parser.add_argument(
        "--features",
        default=features,
        metavar="NAME|FILE",
        help=f"definition of the mel: {', '.join(FEATURES)}, or a YAML file (default {features})",
    )
    parser.add_argument(
        "--shifted", action="store_true", help="add mels of the voices at another pitch"
    )
    parser.add_argument(
        "--without-rumble",
        action="store_true",
        help="targets lose what is below 30 to 55 Hz, which mels go on showing",
    )
    for bound in ("min", "max"):
        parser.add_argument(
            f"--f0-{bound}", type=float, metavar="HZ", help="in place of that of each recording"
        )
    parser.add_argument(
        "--f0-method",
        choices=RECORDING_METHODS,
        default=RECORDING_METHODS[0],
        help=f"how F0 is found in recordings (default {RECORDING_METHODS[0]})",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="processes; by default one a core"
    )
    arguments = parser.parse_args(argv)
    if arguments.jobs < 1:
        parser.error(f"--jobs {arguments.jobs}: expected at least 1")

    def work() -> None:
        paths = {name: getattr(arguments, name) for name in files or {}}
        listed = list_recordings(arguments.corpus, **paths)
        recordings = [_searched(recording, arguments) for recording in listed]
        definition = definition_of(arguments.features)
        options = {"shifted": arguments.shifted, "without_rumble": arguments.without_rumble}
        prepare(recordings, arguments.corpus, arguments.out, definition, arguments.jobs, **options)

    return exit_code(work)


def _searched(recording: Recording, arguments: argparse.Namespace) -> Recording:
    """The recording with the range and the method of the flags, where they are given."""
    low, high = recording.f0_min, recording.f0_max
    if high > 0:  # else it is unvoiced throughout
        low = low if arguments.f0_min is None else arguments.f0_min
        high = high if arguments.f0_max is None else arguments.f0_max
    return dataclasses.replace(recording, f0_min=low, f0_max=high, f0_method=arguments.f0_method)


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
        corpus: the folder to which file names in manifest.json are relative.
        out: the prepared folder, made if need be.
        features: the definition of mel and frames.
        jobs: number of processes.
        shifted: whether to add mels of the training voices at another pitch.
        without_rumble: whether audio is `high_passed`. Mel and F0 stay those of the recording, so
            that a generator learns to leave out disturbances below the voice.

    Raises:
        ValueError: no recording is of split `train`, one cannot be read or is shorter than 8
            frames, or `out` was begun with other recordings or features.
        FileExistsError: `out` is complete already.
        FileNotFoundError: a recording is missing, which is found before any work.
    """
    refuse_complete(out)
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
    with worker_pool(jobs) as pool, _writer(training, corpus, out, features, **options) as writer:
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
    """A writer that knows of each recording what decides its arrays.

    It can then refuse to go on with other recordings.
    """

    def below(path: Path) -> str:
        return Path(os.path.relpath(path, corpus)).as_posix()

    planned = [
        {
            "file": below(recording.path),
            "speaker": recording.speaker,
            "f0_min": recording.f0_min,
            "f0_max": recording.f0_max,
            "f0_method": recording.f0_method,
            "without_rumble": without_rumble,
            **({"mel": below(recording.mel)} if recording.mel else {}),
        }
        for recording in recordings
    ]
    return Writer(out, features, planned, shifted)


def _fill(writer: Writer, recordings: Sequence[Recording], pool: Executor) -> None:
    """Analyse the recordings that the writer does not have yet, and complete its folder."""
    progress = Progress(len(recordings), len(writer.utterances), "utterance")
    if progress.first:
        print(f"taking up after {progress.first} of {progress.total} utterances", file=sys.stderr)
    filtered = any(utterance["without_rumble"] for utterance in writer.planned)
    analyse = partial(_analyse, writer.features, "mel_shifted" in writer.names, filtered)
    write_all(writer, pool.map(analyse, recordings[progress.first :], chunksize=4), progress)
    hours = writer.num_frames * writer.features.hop_length / writer.features.sample_rate / 3600
    gigabytes = sum(path.stat().st_size for path in writer.out.iterdir() if path.is_file()) / 1e9
    speakers = len({recording.speaker for recording in recordings})
    print(
        f"{writer.out}: {len(recordings)} utterances, {speakers} speakers, {hours:.2f} hours,"
        f" {gigabytes:.2f} GB"
    )


def _analyse(
    features: FeatureConfig, shifted: bool, filtered: bool, recording: Recording
) -> Arrays:
    audio, _ = read_audio(recording.path, features.sample_rate)
    num_frames = len(audio) // features.hop_length
    if num_frames < _MIN_FRAMES:
        raise ValueError(f"{recording.path}: {num_frames} frames, expected at least {_MIN_FRAMES}")
    samples = nearest_int16(levelled(audio, features))
    audio = samples.astype(np.float32) / 32768  # rounded, as training will read it
    mel = natural_mel(audio, features)[:, :num_frames]
    if recording.mel:
        mel = _given(recording, mel, samples, features)
        num_frames = mel.shape[1]
    f0 = np.zeros(num_frames, np.float32)
    if recording.f0_max > 0:
        search = (recording.f0_min, recording.f0_max, recording.f0_method)
        f0[:] = f0_from_audio(audio, features, *search)[:num_frames]
    target = nearest_int16(high_passed(audio, features.sample_rate)) if filtered else samples
    arrays = {"audio": target[: num_frames * features.hop_length], "mel": mel.T, "f0": f0}
    if shifted:
        # The seed comes from the samples, so that every preparation draws the same factor.
        factor = random_factor(f0, np.random.default_rng(zlib.crc32(samples.data)))
        arrays["mel_shifted"] = shifted_mel(audio, f0, factor, features).T
    return arrays


def _given(
    recording: Recording, computed: np.ndarray, samples: np.ndarray, features: FeatureConfig
) -> np.ndarray:
    """The mel that is given for a recording, as long as both, at most [n_mels, T].

    Args:
        recording: its `mel` is the file.
        computed: [n_mels, T], that of the recording.
        samples: [N], int16.
        features: the definition of both mels.
    """
    assert recording.mel
    if np.abs(samples.astype(np.int32)).max() < QUIETEST:
        raise ValueError(f"{recording.path}: is silent, and {recording.mel} is not")
    mel = given_mel(recording.mel, features)[:, : computed.shape[1]]
    check_follows(mel, computed[:, : mel.shape[1]], recording.mel, recording.path)
    audio = samples.astype(np.float32) / 32768
    check_preset(mel, audio, features, recording.mel, recording.path)
    return mel
