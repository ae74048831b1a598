"""A prepared folder of voices of known F0 for another definition of the mel.

python recipes/f0/convert.py data/wavehax-24k-f0 data/hifigan-22k-f0 --features hifigan-22k

The voices are resampled, which takes a tenth of the time that making them anew would.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.config import FeatureConfig
from wavehax.data.arrays import Writer, refuse_complete, write_all
from wavehax.data.augment import resample_f0
from wavehax.data.pool import worker_pool
from wavehax.data.prepared import load_array, prepared_definition, prepared_manifest
from wavehax.errors import exit_code
from wavehax.files.progress import Progress
from wavehax.files.resample import resample
from wavehax.files.sound import nearest_int16
from wavehax.mel.definitions import definition_of
from wavehax.mel.features import natural_mel


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("prepared", type=Path, help="prepared folder")
    parser.add_argument("out", type=Path, help="prepared folder to write")
    parser.add_argument("--features", required=True, help="definition of the new mel")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    arguments = parser.parse_args()
    return exit_code(lambda: convert(**vars(arguments)))


def convert(prepared: Path, out: Path, features: str, jobs: int) -> None:
    """Write the prepared folder `out`, or take it up."""
    refuse_complete(out)
    before = prepared_definition(prepared)
    after = definition_of(features)
    planned = prepared_manifest(prepared, before)["utterances"]
    out.mkdir(parents=True, exist_ok=True)
    kept = [
        {key: value for key, value in utterance.items() if key not in ("start", "frames")}
        for utterance in planned
    ]
    with worker_pool(jobs) as pool, Writer(out, after, kept) as writer:
        progress = Progress(len(planned), len(writer.utterances), "voice")
        make = partial(converted, prepared, before, after)
        write_all(writer, pool.map(make, planned[progress.first :], chunksize=4), progress)


def converted(
    prepared: Path, before: FeatureConfig, after: FeatureConfig, utterance: dict[str, Any]
) -> dict[str, np.ndarray]:
    """The arrays of one utterance in the definition `after`."""
    start, stop = utterance["start"], utterance["start"] + utterance["frames"]
    samples = np.load(prepared / "audio.npy", mmap_mode="r")
    hop = before.hop_length
    audio = samples[start * hop : stop * hop] / np.float32(32768)
    f0 = load_array(prepared / "f0.npy", len(samples) // hop)[start:stop]
    wave = nearest_int16(resample(audio, before.sample_rate, after.sample_rate))
    frames = len(wave) // after.hop_length
    wave = wave[: frames * after.hop_length]
    mel = natural_mel(wave / np.float32(32768), after)[:, :frames].T
    seconds = np.arange(frames) * after.hop_length / after.sample_rate
    at = seconds * before.sample_rate / hop
    return {"audio": wave, "mel": mel, "f0": resample_f0(f0, at, 1.0)}


if __name__ == "__main__":
    sys.exit(main())
