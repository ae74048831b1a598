"""Segments of a prepared folder, drawn as a pure function of (seed, step): a resumed run needs no other state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wavehax.config import FeatureConfig, from_dict
from wavehax.train.config import DataConfig


@dataclass(frozen=True)
class Batch:
    """Float32 arrays of B segments of T frames."""

    audio: np.ndarray  # [B, T * hop_length]
    mel: np.ndarray  # [B, n_mels, T]
    f0: np.ndarray  # [B, 1, T] Hz


class SegmentDataset:
    """Random segments of the utterances in a prepared folder; speakers weighted, starts uniform within a speaker."""

    def __init__(self, config: DataConfig, features: FeatureConfig, seed: int) -> None:
        """
        Raises:
            FileNotFoundError: the folder was not prepared (or not to the end).
            ValueError: it holds other features, or no utterance as long as a segment.
        """
        folder = Path(config.path)
        if not (folder / "manifest.json").is_file():
            raise FileNotFoundError(f"{folder}/manifest.json: missing; run the recipe's prepare.py")
        manifest = json.loads((folder / "manifest.json").read_text())
        if from_dict(FeatureConfig, manifest["features"]) != features:
            raise ValueError(f"{folder}: features {manifest['features']['name']}, expected {features.name}")
        self.config, self.hop_length, self.seed = config, features.hop_length, seed
        self.mel_mean = np.array(manifest["mel_mean"], np.float32)
        self.mel_scale = np.array(manifest["mel_scale"], np.float32)
        names = ("audio", "mel", "f0")
        self.audio, self.mel, self.f0 = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in names)
        self.log_floor = float(np.log(features.log_floor))
        self._index(manifest["utterances"])

    def _index(self, utterances: list[dict]) -> None:
        """Arrays over usable utterances: first frame, number of segment starts, probability."""
        usable = [u for u in utterances if u["frames"] >= self.config.segment_frames]
        if not usable:
            raise ValueError(f"{self.config.path}: no utterance has segment_frames={self.config.segment_frames} frames")
        self.starts = np.array([u["start"] for u in usable])
        self.choices = np.array([u["frames"] - self.config.segment_frames + 1 for u in usable])
        _, speaker = np.unique([u["speaker"] for u in usable], return_inverse=True)
        frames = np.array([u["frames"] for u in usable], float)
        per_speaker = np.bincount(speaker, frames)
        probability = frames * per_speaker[speaker] ** (self.config.speaker_exponent - 1)
        self.cumulative = np.cumsum(probability / probability.sum())

    def batch(self, step: int) -> Batch:
        """The batch of training step `step`, the same whenever it is asked for."""
        rng = np.random.default_rng((self.seed, step))
        count, frames, hop = self.config.batch_size, self.config.segment_frames, self.hop_length
        utterance = np.minimum(np.searchsorted(self.cumulative, rng.random(count)), len(self.starts) - 1)
        first = self.starts[utterance] + rng.integers(self.choices[utterance])
        gain = rng.uniform(-self.config.gain_db, self.config.gain_db / 2, count) * np.log(10) / 20
        audio = np.stack([self.audio[i * hop : (i + frames) * hop] for i in first]) / np.float32(32768)
        mel = np.stack([self.mel[i : i + frames].T for i in first]) + gain[:, None, None]
        return Batch(
            audio=(audio * np.exp(gain)[:, None]).astype(np.float32),
            mel=np.maximum(mel, self.log_floor).astype(np.float32),
            f0=np.stack([self.f0[None, i : i + frames] for i in first]),
        )
