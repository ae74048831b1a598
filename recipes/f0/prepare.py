"""Voices of known F0, and their recordings, to train a predictor of F0 on.

python recipes/f0/prepare.py data/wavehax-24k data/wavehax-24k-f0
"""

from __future__ import annotations

import argparse
import functools
import sys
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import wavehax
from wavehax.config import FeatureConfig
from wavehax.data.arrays import Writer, refuse_complete, write_all
from wavehax.data.known_f0 import Source, known_arrays, recorded_arrays
from wavehax.data.pool import worker_pool
from wavehax.data.prepared import load_array, prepared_definition, prepared_manifest
from wavehax.errors import exit_code
from wavehax.files.progress import Progress
from wavehax.models.locate import model_path

BY_MODEL = 2  # where a model is given, it makes one voice in so many


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("prepared", type=Path, help="prepared folder")
    parser.add_argument("out", type=Path, help="prepared folder to write")
    parser.add_argument(
        "--voices", type=int, default=3, help="of known F0, of each utterance (default 3)"
    )
    parser.add_argument("--model", help="makes every second voice; by default WORLD makes all")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    arguments = parser.parse_args()
    return exit_code(lambda: prepare(**vars(arguments)))


def prepare(prepared: Path, out: Path, voices: int, model: str | None, jobs: int) -> None:
    """Write the prepared folder `out`, or take it up."""
    refuse_complete(out)
    features = prepared_definition(prepared)
    planned = list(plan(prepared_manifest(prepared, features)["utterances"], voices, model))
    out.mkdir(parents=True, exist_ok=True)
    keys = ("file", "speaker", "voice", "model")
    kept = [{key: voice[key] for key in keys} for voice in planned]
    with worker_pool(jobs) as pool, Writer(out, features, kept) as writer:
        progress = Progress(len(planned), len(writer.utterances), "voice")
        make = partial(make_voice, prepared, features)
        write_all(writer, pool.map(make, planned[progress.first :], chunksize=4), progress)


def plan(
    utterances: list[dict[str, Any]], voices: int, model: str | None
) -> Iterator[dict[str, Any]]:
    """The voices to make of each utterance; 0 is the recording."""
    for voice in range(voices + 1):
        by_model = model if voice and voice % BY_MODEL == 0 else None
        for utterance in utterances:
            yield {**utterance, "voice": voice, "model": by_model}


def make_voice(
    prepared: Path, features: FeatureConfig, voice: dict[str, Any]
) -> dict[str, np.ndarray]:
    """The arrays of one voice; its seed comes from the utterance's name and its number."""
    start, stop = voice["start"], voice["start"] + voice["frames"]
    audio, mel, f0 = arrays_of(prepared)
    hop = features.hop_length
    source = Source(audio[start * hop : stop * hop] / 32768, mel[start:stop].T, f0[start:stop])
    if voice["voice"] == 0:
        return recorded_arrays(source, features)
    rng = np.random.default_rng(zlib.crc32(f"{voice['file']} {voice['voice']}".encode()))
    return known_arrays(source, features, rng, voice["model"] and loaded(voice["model"]))


@functools.cache
def arrays_of(prepared: Path) -> list[np.ndarray]:
    """Audio, mel and F0 of a prepared folder."""
    lengths = [len(np.load(prepared / f"{n}.npy", mmap_mode="r")) for n in ("audio", "mel", "f0")]
    names = zip(("audio", "mel", "f0"), lengths, strict=True)
    return [load_array(prepared / f"{name}.npy", length) for name, length in names]


@functools.cache
def loaded(model: str) -> wavehax.Vocoder:
    return wavehax.load(model_path(model))


if __name__ == "__main__":
    sys.exit(main())
