"""Recordings to memory-mapped arrays, the part of preparation that every recipe shares.

A prepared folder holds, for all utterances one after another,

    audio.npy  int16 [frames * hop_length]     mel.npy  float32 [frames, n_mels]     f0.npy  float32 [frames] Hz
    manifest.json  features, per-band mel_mean and mel_scale; of each utterance file, speaker, first frame, frames

cut to whole hops, so that frame t of the arrays belongs to samples [t*hop_length, (t+1)*hop_length): the alignment of
`wavehax.features`. The manifest is written last: a folder that has one is complete.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wavehax.audio import read_audio
from wavehax.config import FeatureConfig, to_dict
from wavehax.features import f0_from_audio, log_mel

_MIN_FRAMES = 8  # anything shorter carries no speech


@dataclass(frozen=True)
class Recording:
    """One file of a corpus."""

    path: Path
    speaker: str


def prepare(recordings: Sequence[Recording], out: Path, features: FeatureConfig, jobs: int) -> None:
    """Write the prepared folder `out`; progress goes to the terminal.

    Raises:
        ValueError: no recording, or one that cannot be read or is shorter than 8 frames.
        FileExistsError: `out` is complete already.
    """
    if not recordings:
        raise ValueError("no recordings: expected at least one")
    if (out / "manifest.json").exists():
        raise FileExistsError(f"{out}/manifest.json: exists already")
    out.mkdir(parents=True, exist_ok=True)
    tasks = [(recording.path, features) for recording in recordings]
    writer = _Writer(out, features)
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for i, arrays in enumerate(pool.imap(_analyse, tasks, chunksize=4)):
            writer.add(recordings[i], *arrays)
            print(f"\r{i + 1}/{len(tasks)}", end="", flush=True)
    print()
    writer.close()


def _analyse(task: tuple[Path, FeatureConfig]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    path, features = task
    audio, _ = read_audio(path, features.sample_rate)
    num_frames = len(audio) // features.hop_length
    if num_frames < _MIN_FRAMES:
        raise ValueError(f"{path}: {num_frames} frames, expected at least {_MIN_FRAMES}")
    samples = np.clip(np.rint(audio * 32768), -32768, 32767).astype(np.int16)
    audio = samples.astype(np.float32) / 32768  # what training will read
    mel, f0 = log_mel(audio, features), f0_from_audio(audio, features)
    return samples[: num_frames * features.hop_length], mel[:, :num_frames].T, f0[:num_frames]


class _Writer:
    """Appends utterances to raw files, which become .npy files at the end."""

    def __init__(self, out: Path, features: FeatureConfig) -> None:
        self.out, self.features = out, features
        self.raw = {name: out / f"{name}.raw" for name in ("audio", "mel", "f0")}
        for path in self.raw.values():
            path.unlink(missing_ok=True)  # of an earlier attempt
        self.utterances: list[dict] = []
        self.num_frames = 0
        self.mel_sum = np.zeros(features.n_mels)
        self.mel_square_sum = np.zeros(features.n_mels)

    def add(self, recording: Recording, audio: np.ndarray, mel: np.ndarray, f0: np.ndarray) -> None:
        for name, array in (("audio", audio), ("mel", mel), ("f0", f0)):
            with self.raw[name].open("ab") as file:
                file.write(array.tobytes())
        utterance = {"file": "/".join(recording.path.parts[-2:]), "speaker": recording.speaker}
        self.utterances.append({**utterance, "start": self.num_frames, "frames": len(f0)})
        self.num_frames += len(f0)
        self.mel_sum += mel.sum(axis=0, dtype=np.float64)
        self.mel_square_sum += np.square(mel, dtype=np.float64).sum(axis=0)

    def close(self) -> None:
        frames, hop, n_mels = self.num_frames, self.features.hop_length, self.features.n_mels
        shapes = {"audio": (frames * hop,), "mel": (frames, n_mels), "f0": (frames,)}
        for name, shape in shapes.items():
            dtype = np.int16 if name == "audio" else np.float32
            np.save(self.out / f"{name}.npy", np.memmap(self.raw[name], dtype, "r", shape=shape))
            self.raw[name].unlink()
        mean = self.mel_sum / frames
        scale = np.sqrt(self.mel_square_sum / frames - mean**2)
        manifest = {"features": to_dict(self.features), "mel_mean": mean.tolist(), "mel_scale": scale.tolist()}
        temporary = self.out / "manifest.json.tmp"
        temporary.write_text(json.dumps({**manifest, "utterances": self.utterances}, indent=1))
        os.replace(temporary, self.out / "manifest.json")
