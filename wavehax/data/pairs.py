"""Preparation of pairs: an acoustic model's own mels beside the recordings they stand for.

An acoustic model that is given the true durations (teacher forcing) emits a mel that is aligned
with the recording. A vocoder trained on such pairs learns to mend what the acoustic model does to
mels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wavehax.config import FeatureConfig
from wavehax.data.corpus import Recording, hold_out
from wavehax.data.given import MOST_DIFFERENCE, given_mel
from wavehax.data.prepare import prepare
from wavehax.errors import EXPECTED_ERRORS, optional_module, report
from wavehax.files.sound import sound_type
from wavehax.mel.features import F0_MAX, F0_MIN, frame_count
from wavehax.mel.files import SUFFIXES
from wavehax.mel.pitch import METHODS

HELD_OUT_EVERY = 20


class Pairs(NamedTuple):
    """Pairs of a mel and a recording."""

    recordings: list[Recording]  # each with its mel; every twentieth is of split `dev`
    differences: list[int]  # frames that each mel has more than its recording, not 0
    unused: int  # recordings without a mel


def prepare_pairs(
    mels: Path,
    waves: Path,
    out: Path,
    features: FeatureConfig,
    jobs: int,
    most_difference: int = MOST_DIFFERENCE,
    f0_range: tuple[float, float] = (F0_MIN, F0_MAX),
    f0_method: str = METHODS[0],
) -> None:
    """Write the prepared folder `out` of pairs, or take it up.

    It is as `wavehax.data.prepare` describes it, except that its mels are the given ones. F0 is
    that of the recordings. What is longer at its end, mel or recording, is cut there.

    Args:
        mels: folder of mel files, at any depth.
        waves: folder of sound files of the same names.
        out: the prepared folder, made if need be.
        features: the definition of the mels.
        jobs: number of processes.
        most_difference: frames by which a mel may be longer or shorter than its recording.
        f0_range: lowest and highest F0 sought in the recordings, Hz.
        f0_method: how it is found, one of `wavehax.mel.pitch.RECORDING_METHODS`.

    Raises:
        ValueError: pairs cannot be used, each of which was named on standard error before any work;
            or as `prepare`, and where a mel does not follow its recording.
        OSError: as `prepare`.
    """
    pairs = find_pairs(mels, waves, features, most_difference, f0_range, f0_method)
    prepare(pairs.recordings, waves, out, features, jobs)
    if pairs.differences:
        worst = max(map(abs, pairs.differences))
        print(
            f"{len(pairs.differences)} of {len(pairs.recordings)} mels are longer or shorter than"
            f" their recordings, by {_frames(worst)} at most: cut at their ends"
        )
    if pairs.unused:
        print(f"{pairs.unused} recordings in {waves} have no mel and are not used")


def find_pairs(
    mels: Path,
    waves: Path,
    features: FeatureConfig,
    most_difference: int = MOST_DIFFERENCE,
    f0_range: tuple[float, float] = (F0_MIN, F0_MAX),
    f0_method: str = METHODS[0],
) -> Pairs:
    """Match mels with recordings by their stems, and read all that can be wrong with their sizes.

    Where a stem occurs twice, the whole path below the folder decides. The speaker is the folder of
    a recording.

    Args:
        mels, waves, features, most_difference, f0_range, f0_method: as `prepare_pairs` takes them.

    Raises:
        FileNotFoundError: one of the folders has no such files.
        ValueError: pairs cannot be used; each was named on standard error.
    """
    sounds = _by_stem(waves, _sounds(waves))
    found = sorted(path for path in mels.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise FileNotFoundError(f"{mels}: has no mel files ({', '.join(SUFFIXES)})")
    recordings: list[Recording] = []
    differences: list[int] = []
    failed = 0
    for path in found:
        try:
            wave = _partner(path.relative_to(mels), sounds, mels, waves)
            difference = _difference(path, wave, features, most_difference)
        except EXPECTED_ERRORS as error:
            report(error, str(path))
            failed += 1
            continue
        folder = wave.parent.relative_to(waves).as_posix()
        low, high = f0_range
        speaker = "voice" if folder == "." else folder
        pair = Recording(wave, speaker, f0_min=low, f0_max=high, f0_method=f0_method, mel=path)
        recordings.append(pair)
        differences.append(difference)
    _refuse_shared(recordings)
    if failed:
        raise ValueError(f"{failed} of {len(found)} mels cannot be used: nothing was written")
    unused = sum(map(len, sounds.values())) - len(recordings)
    if len(recordings) == 1:
        raise ValueError(f"{mels}: one pair: expected two or more, since the first is held out")
    return Pairs(list(hold_out(recordings, HELD_OUT_EVERY)), [d for d in differences if d], unused)


def _sounds(waves: Path) -> Iterator[Path]:
    for path in sorted(waves.rglob("*")):
        try:
            sound_type(path)
        except ValueError:
            continue
        if path.is_file():
            yield path


def _by_stem(folder: Path, paths: Iterator[Path]) -> dict[str, list[Path]]:
    found = defaultdict(list)
    for path in paths:
        found[path.stem].append(path)
    if not found:
        raise FileNotFoundError(f"{folder}: has no sound files")
    return found


def _partner(name: Path, sounds: dict[str, list[Path]], mels: Path, waves: Path) -> Path:
    """The recording of the mel `name`, a path below `mels`."""
    candidates = sounds.get(name.stem, [])
    if len(candidates) > 1:
        same = [path for path in candidates if path.relative_to(waves).parent == name.parent]
        candidates = same or candidates
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise ValueError(f"{mels / name}: {waves} has no recording {name.stem!r}")
    both = " and ".join(map(str, candidates[:2]))
    raise ValueError(f"{mels / name}: could be of {both}; put it into a folder of the same name")


def _difference(path: Path, wave: Path, features: FeatureConfig, most: int) -> int:
    """Frames that the mel in `path` has more than the recording in `wave`.

    Raises:
        ValueError: they are more than `most` or less than -`most`, or one of the files cannot be
            used.
    """
    frames = given_mel(path, features).shape[1]
    soundfile = optional_module("soundfile", "reading sound files", "soundfile")
    try:
        sound = soundfile.info(wave)
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).strip().rstrip(".")
        raise ValueError(f"{wave}: not a sound file that can be read ({reason})") from error
    if sound.channels != 1:
        raise ValueError(
            f"{wave}: has {sound.channels} channels: expected one, as the mel {path} is of one"
        )
    samples = -(-sound.frames * features.sample_rate // sound.samplerate)
    difference = frames - frame_count(samples, features)
    if abs(difference) <= most:
        return difference
    message = (
        f"{path}: has {_frames(frames)}: expected {frames - difference} to within {most} for"
        f" {wave}, {sound.duration:.2f} s at {sound.samplerate} Hz"
    )
    own = frames - frame_count(sound.frames, features)
    if sound.samplerate != features.sample_rate and abs(own) <= most:
        message += (
            f"; it has as many as at that rate: {features.name} is a mel of"
            f" {features.sample_rate} Hz"
        )
    raise ValueError(message)


def _refuse_shared(recordings: list[Recording]) -> None:
    """Raise ValueError where two mels are of the same recording."""
    mels: dict[Path, Path | None] = {}
    for recording in recordings:
        if recording.path in mels:
            both = f"{mels[recording.path]} and {recording.mel}"
            raise ValueError(f"{both}: expected one mel for {recording.path}")
        mels[recording.path] = recording.mel


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"
