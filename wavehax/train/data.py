"""Segments of a prepared folder, drawn as a pure function of (seed, step): a resumed run needs no other state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wavehax.config import FeatureConfig, from_dict
from wavehax.train.augment import margin_frames, resample_f0, resample_segment
from wavehax.train.config import DataConfig


@dataclass(frozen=True)
class Batch:
    """Float32 arrays of B segments of T frames."""

    audio: np.ndarray  # [B, T * hop_length]
    mel: np.ndarray  # [B, n_mels, T]
    f0: np.ndarray  # [B, 1, T] Hz

    def __getitem__(self, items: slice) -> Batch:
        return Batch(self.audio[items], self.mel[items], self.f0[items])


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
        self.config, self.features, self.seed = config, features, seed
        self.mel_mean = np.array(manifest["mel_mean"], np.float32)
        self.mel_scale = np.array(manifest["mel_scale"], np.float32)
        names = ("audio", "mel", "f0")
        self.audio, self.mel, self.f0 = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in names)
        self.log_floor = float(np.log(features.log_floor))
        self._index(manifest["utterances"])

    def _index(self, utterances: list[dict]) -> None:
        """Arrays over usable utterances: first frame, number of frames, probability."""
        usable = [u for u in utterances if u["frames"] >= self.config.segment_frames]
        if not usable:
            raise ValueError(f"{self.config.path}: no utterance has segment_frames={self.config.segment_frames} frames")
        self.starts = np.array([u["start"] for u in usable])
        self.frames = np.array([u["frames"] for u in usable])
        _, speaker = np.unique([u["speaker"] for u in usable], return_inverse=True)
        per_speaker = np.bincount(speaker, self.frames)
        probability = self.frames * per_speaker[speaker] ** (self.config.speaker_exponent - 1)
        self.cumulative = np.cumsum(probability / probability.sum())

    def batch(self, step: int) -> Batch:
        """The batch of training step `step`, the same whenever it is asked for."""
        rng = np.random.default_rng((self.seed, step))
        config, count = self.config, self.config.batch_size
        utterance = np.minimum(np.searchsorted(self.cumulative, rng.random(count)), len(self.starts) - 1)
        position = rng.random(count)  # of the segment in its utterance: 0 the first frame, towards 1 the last
        gain = rng.uniform(-config.gain_db, config.gain_db / 2, count) * np.log(10) / 20
        sign = rng.choice([-1.0, 1.0], count)
        speed = np.exp(rng.uniform(*np.log([config.speed_min, config.speed_max]), count))
        speed[rng.random(count) >= config.speed_share] = 1.0
        speed = np.minimum(speed, self.frames[utterance] / config.segment_frames)
        segments = [self._segment(*drawn) for drawn in zip(utterance, position, speed, strict=True)]
        audio, mel, f0 = (np.stack(arrays) for arrays in zip(*segments, strict=True))
        mel = np.maximum(mel + gain[:, None, None], self.log_floor)
        audio = audio * (sign * np.exp(gain))[:, None]
        return Batch(audio.astype(np.float32), mel.astype(np.float32), f0[:, None])

    def _segment(self, utterance: int, position: float, speed: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Audio, mel and F0 of one segment, before gain and sign."""
        frames, hop, start = self.config.segment_frames, self.features.hop_length, self.starts[utterance]
        choices = self.frames[utterance] - frames * speed + 1
        if speed == 1.0:
            first = start + int(position * choices)
            part = slice(first, first + frames)
            audio = self.audio[first * hop : (first + frames) * hop] / np.float32(32768)
            return audio, self.mel[part].T, self.f0[part]
        first, margin = max(0.0, position * choices - 0.5), margin_frames(self.features)
        piece = self._audio(utterance, round((first - margin * speed) * hop), round((frames + 2 * margin) * speed * hop))
        audio, mel = resample_segment(piece, frames, self.features)
        contour = self.f0[start : start + self.frames[utterance]]
        return audio, mel, resample_f0(contour, first + speed * np.arange(frames), speed)

    def _audio(self, utterance: int, first: int, count: int) -> np.ndarray:
        """`count` samples of an utterance from its sample `first` on, silence before its start and behind its end."""
        hop = self.features.hop_length
        begin, end = self.starts[utterance] * hop, (self.starts[utterance] + self.frames[utterance]) * hop
        inside = self.audio[max(begin, begin + first) : min(end, begin + first + count)] / np.float32(32768)
        before = max(0, -first)
        return np.pad(inside, (before, count - before - len(inside)))
