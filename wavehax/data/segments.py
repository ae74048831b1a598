"""Segments of a prepared folder, drawn as a pure function of (seed, step): a resumed run needs no
other state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wavehax.config import FeatureConfig, from_dict
from wavehax.data.augment import margin_frames, resample_f0, resample_segment
from wavehax.data.config import DataConfig
from wavehax.errors import one_line
from wavehax.mel.harmonics import flatten_harmonics


class Batch(NamedTuple):
    """B segments of T frames, and the random numbers of a step; float32 arrays or tensors.

    Of each segment S outputs are made, each from noise and an initial phase of its own.
    """

    audio: Any  # [B, T * hop_length]
    mel: Any  # [B, n_mels, T]
    f0: Any  # [B, 1, T] Hz
    noise: Any  # [B, S, (T + 1) * hop_length], gaussian, of unit variance
    phase: Any  # [B, S] cycles
    shift: Any  # [B] samples, int64: the losses hear a segment from this sample on

    def inputs(self, generator: Any) -> tuple[Any, Any, Any]:
        """Mel, F0 and prior that make B * S outputs with `generator`, those of a segment
        together."""
        outputs = self.noise.shape[1]
        mel, f0 = (x.repeat_interleave(outputs, dim=0) for x in (self.mel, self.f0))
        noise = self.noise[..., : generator.prior_length(f0.shape[-1])].flatten(0, 1)[:, None]
        return mel, f0, generator.make_prior(f0, noise=noise, phase=self.phase.flatten())


class Draw(NamedTuple):
    """What chance decides of one segment."""

    utterance: int
    position: float  # in the utterance: 0 the first frame, towards 1 the last
    gain: float  # nepers
    sign: float
    speed: float
    shifted: bool
    flat: bool
    disturbed: bool
    phase: float  # cycles
    rng: np.random.Generator  # for the disturbance, and the noise of the prior


class SegmentDataset:
    """Random segments of the utterances in a prepared folder; speakers weighted, starts uniform
    within a speaker."""

    def __init__(
        self, config: DataConfig, features: FeatureConfig, seed: int, outputs: int = 1
    ) -> None:
        """
        Args:
            outputs: how many outputs are made of each segment, S of `Batch`.

        Raises:
            FileNotFoundError: the folder was not prepared (or not to the end).
            ValueError: it holds other features, or no utterance as long as a segment.
        """
        folder = Path(config.path)
        manifest = prepared_manifest(folder, features)
        self.config, self.features, self.seed, self.outputs = config, features, seed, outputs
        self.mel_mean = np.array(manifest["mel_mean"], np.float32)
        self.mel_scale = np.array(manifest["mel_scale"], np.float32)
        frames = sum(utterance["frames"] for utterance in manifest["utterances"])
        self._read(folder, frames)
        self.log_floor = float(np.log(features.log_floor))
        self.utterances = manifest["utterances"]
        self._index(self.utterances)

    def _read(self, folder: Path, frames: int) -> None:
        self.audio = load_array(folder / "audio.npy", frames * self.features.hop_length)
        self.mel, self.f0 = (load_array(folder / f"{name}.npy", frames) for name in ("mel", "f0"))
        self.mel_shifted = self.mel
        if self.config.shifted_share:
            self.mel_shifted = load_array(folder / "mel_shifted.npy", frames)

    def __reduce__(self) -> tuple[Any, ...]:
        # To another process go the arguments: a memory-mapped array would go with all it holds.
        return SegmentDataset, (self.config, self.features, self.seed, self.outputs)

    def _index(self, utterances: list[dict]) -> None:
        """Arrays over usable utterances: first frame, number of frames, probability."""
        usable = [u for u in utterances if u["frames"] >= self.config.segment_frames]
        if not usable:
            raise ValueError(
                f"{self.config.path}: no utterance has segment_frames={self.config.segment_frames}"
                " frames"
            )
        self.starts = np.array([u["start"] for u in usable])
        self.frames = np.array([u["frames"] for u in usable])
        _, speaker = np.unique([u["speaker"] for u in usable], return_inverse=True)
        per_speaker = np.bincount(speaker, self.frames)
        probability = self.frames * per_speaker[speaker] ** (self.config.speaker_exponent - 1)
        self.cumulative = np.cumsum(probability / probability.sum())

    def batch(self, step: int, items: range | None = None) -> Batch:
        """Segments `items` (all of them if None) of the batch of training step `step`, the same
        whenever asked for."""
        segments = [self._segment(step, item) for item in self._items(items)]
        return Batch(*(np.stack(arrays) for arrays in zip(*segments, strict=True)))

    def _items(self, items: range | None) -> range:
        return range(self.config.batch_size) if items is None else items

    def draw(self, step: int, item: int) -> Draw:
        """What segment `item` of the batch of training step `step` is."""
        config, rng = self.config, np.random.default_rng((self.seed, step, item))
        utterance = min(int(np.searchsorted(self.cumulative, rng.random())), len(self.starts) - 1)
        position = rng.random()
        gain = rng.uniform(-config.gain_db, config.gain_db / 2) * np.log(10) / 20
        sign = rng.choice([-1.0, 1.0])
        speed = 1.0
        if rng.random() < config.speed_share:
            speed = np.exp(rng.uniform(np.log(config.speed_min), np.log(config.speed_max)))
            speed = min(speed, self.frames[utterance] / config.segment_frames)
        shifted = rng.random() < config.shifted_share
        flat = rng.random() < config.flat_share and not shifted
        phase = rng.random()
        disturbed = rng.random() < config.disturbed_share and not shifted
        return Draw(utterance, position, gain, sign, speed, shifted, flat, disturbed, phase, rng)

    def _segment(self, step: int, item: int) -> tuple[np.ndarray, ...]:
        """One segment, in the order of `Batch`."""
        draw = self.draw(step, item)
        audio, mel, f0 = self._played(draw)
        audio = (audio * (draw.sign * np.exp(draw.gain))).astype(np.float32)
        if draw.flat:
            mel = flatten_harmonics(mel, f0, self.features)
        silent = mel <= self.log_floor  # and stays so, however much it is amplified
        amplified = np.maximum(mel + draw.gain, self.log_floor)
        mel = np.where(silent, self.log_floor, amplified).astype(np.float32)
        samples = (self.config.segment_frames + 1) * self.features.hop_length
        noise = draw.rng.standard_normal((self.outputs, samples), np.float32)
        more = draw.rng.random(self.outputs - 1)  # phases
        phase = np.array([draw.phase, *more], np.float32)
        shift = draw.rng.integers(self.config.shift_samples + 1)
        return audio, mel, f0[None].astype(np.float32), noise, phase, shift

    def _played(self, draw: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Audio, mel and F0 of a segment, at the level of the recording."""
        if draw.disturbed or draw.speed != 1:
            return self._at_speed(draw)
        mels = self.mel_shifted if draw.shifted else self.mel
        return self._as_recorded(draw.utterance, draw.position, mels)

    def _as_recorded(
        self, utterance: int, position: float, mels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        frames, hop = self.config.segment_frames, self.features.hop_length
        first = self.starts[utterance] + int(position * (self.frames[utterance] - frames + 1))
        audio = self.audio[first * hop : (first + frames) * hop] / np.float32(32768)
        return audio, mels[first : first + frames].T, self.f0[first : first + frames]

    def _at_speed(self, draw: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Audio, mel and F0 of `speed` times as many frames, played `speed` times as fast.

        The mel of a disturbed segment shows what the audio does not have.
        """
        frames, hop, speed = self.config.segment_frames, self.features.hop_length, draw.speed
        margin = margin_frames(self.features)
        first = draw.position * (self.frames[draw.utterance] - frames * speed)
        begin = round((first - margin * speed) * hop)
        audio = self._audio(draw.utterance, begin, round((frames + 2 * margin) * speed * hop))
        disturb = draw.rng if draw.disturbed else None
        audio, mel = resample_segment(audio, frames, self.features, disturb)
        start = self.starts[draw.utterance]
        contour = self.f0[start : start + self.frames[draw.utterance]]
        return audio, mel, resample_f0(contour, first + speed * np.arange(frames), speed)

    def _audio(self, utterance: int, first: int, count: int) -> np.ndarray:
        """`count` samples of an utterance from its sample `first` on, silence before its start and
        behind its end."""
        hop = self.features.hop_length
        begin, end = (
            self.starts[utterance] * hop,
            (self.starts[utterance] + self.frames[utterance]) * hop,
        )
        inside = self.audio[
            max(begin, begin + first) : min(end, begin + first + count)
        ] / np.float32(32768)
        before = max(0, -first)
        return np.pad(inside, (before, count - before - len(inside)))


def prepared_manifest(folder: Path, features: FeatureConfig) -> dict[str, Any]:
    """What a prepared folder says of itself.

    Raises:
        FileNotFoundError: it was not prepared (or not to the end).
        ValueError: it is damaged, or holds other features.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; run the recipe's prepare.py")
    try:
        manifest = json.loads(path.read_text())
        found = from_dict(FeatureConfig, manifest["features"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: damaged ({one_line(error)}); prepare the folder again"
        ) from error
    if found != features:
        raise ValueError(f"{folder}: features {found.name}, expected {features.name}")
    return manifest


def load_array(path: Path, length: int) -> np.ndarray:
    """The memory-mapped array in `path`, of which the manifest says how long it is."""
    if not path.is_file():
        hint = (
            " (data.shifted_share asks for it: prepare with --shifted)"
            if path.stem == "mel_shifted"
            else ""
        )
        raise FileNotFoundError(f"{path}: missing{hint}")
    try:
        array = np.load(path, mmap_mode="r")
    except ValueError as error:
        raise ValueError(
            f"{path}: damaged ({one_line(error)}); prepare the folder again"
        ) from error
    if len(array) != length:
        raise ValueError(
            f"{path}: {len(array)} values, expected {length} as manifest.json says; prepare the"
            " folder again"
        )
    return array
