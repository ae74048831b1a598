"""Segments of a prepared folder.

They are a pure function of (seed, step), so that a resumed run needs no other state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wavehax.config import FeatureConfig
from wavehax.data.augment import (
    fill_unvoiced,
    margin_frames,
    resample_f0,
    resample_segment,
)
from wavehax.data.config import DataConfig
from wavehax.data.prepared import has_given_mels, load_array, prepared_manifest
from wavehax.mel.harmonics import flatten_harmonics

MADE_MELS = ("speed_share", "shifted_share", "disturbed_share")
"""Fields of DataConfig that give so large a share of segments the mel of a changed recording."""


class ArrayBatch(NamedTuple):
    """B segments of T frames, and the random numbers of a step; float32 except for `shift`.

    S outputs are made of each segment, each from noise and an initial phase of its own.
    """

    audio: np.ndarray  # [B, T * hop_length]
    mel: np.ndarray  # [B, n_mels, T]
    f0: np.ndarray  # [B, 1, T] Hz
    voiced: np.ndarray  # [B, T], 1 in voiced frames of the recording, also where F0 is filled, or 0
    noise: np.ndarray  # [B, S, (T + 1) * hop_length], gaussian, of unit variance
    phase: np.ndarray  # [B, S] cycles
    shift: np.ndarray  # [B] samples, int64: the losses hear a segment from this sample on


class Draw(NamedTuple):
    """The random choices for one segment."""

    utterance: int  # index among the usable ones
    position: float  # in the utterance: 0 the first frame, towards 1 the last
    gain: float  # nepers
    sign: float  # 1, or -1 for an inverted waveform
    speed: float  # over that of the recording
    shifted: bool  # whether the mel is that of the voice at another pitch
    flat: bool  # whether the mel has lost its harmonics
    disturbed: bool  # whether the mel shows a disturbance
    filled: bool  # whether F0 never reaches 0
    phase: float  # cycles
    rng: np.random.Generator  # for the disturbance, and the noise of the prior


class Draws:
    """Draws segments from the utterances of a prepared folder, without reading its arrays.

    Speakers are weighted, starts uniform within a speaker.
    """

    def __init__(
        self, config: DataConfig, features: FeatureConfig, seed: int, outputs: int = 1
    ) -> None:
        """
        Args:
            config: the folder, and how segments are drawn from it.
            features: the mel that the folder must hold.
            seed: decides, with the number of a step, what is drawn.
            outputs: how many outputs are made of each segment, S of `ArrayBatch`.

        Raises:
            FileNotFoundError: the folder was not prepared (or not to the end).
            ValueError: it holds other features, or no utterance as long as a segment.
        """
        self.folder = Path(config.path)
        manifest = prepared_manifest(self.folder, features)
        self.config, self.features, self.seed, self.outputs = config, features, seed, outputs
        self.mel_mean = np.array(manifest["mel_mean"], np.float32)
        self.mel_scale = np.array(manifest["mel_scale"], np.float32)
        self.utterances = manifest["utterances"]
        if has_given_mels(self.utterances):
            _check_given(config)
        self.num_frames = sum(utterance["frames"] for utterance in self.utterances)
        self._index(self.utterances)

    def _index(self, utterances: list[dict[str, Any]]) -> None:
        """Make arrays over usable utterances: first frame, number of frames, probability."""
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

    def _items(self, items: range | None) -> range:
        return range(self.config.batch_size) if items is None else items

    def draw(self, step: int, item: int) -> Draw:
        """Choose segment `item` of the batch of training step `step`."""
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
        filled = rng.random() < config.filled_share
        return Draw(
            utterance, position, gain, sign, speed, shifted, flat, disturbed, filled, phase, rng
        )


class SegmentDataset(Draws):
    """Random segments, cut from the arrays of a prepared folder."""

    def __init__(
        self, config: DataConfig, features: FeatureConfig, seed: int, outputs: int = 1
    ) -> None:
        """
        Args:
            config, features, seed, outputs: as `Draws` takes them.

        Raises:
            FileNotFoundError: the folder was not prepared (or not to the end), or an array of it is
                missing.
            ValueError: it is damaged, holds other features, or no utterance as long as a segment.
        """
        super().__init__(config, features, seed, outputs)
        folder, frames = self.folder, self.num_frames
        self.log_floor = float(np.log(features.magnitude_floor))
        self.audio = load_array(folder / "audio.npy", frames * features.hop_length)
        self.mel, self.f0 = (load_array(folder / f"{name}.npy", frames) for name in ("mel", "f0"))
        self.mel_shifted = self.mel
        if config.shifted_share:
            self.mel_shifted = load_array(folder / "mel_shifted.npy", frames)

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process is sent the arguments: pickling a memory-mapped array would copy it.
        return SegmentDataset, (self.config, self.features, self.seed, self.outputs)

    def batch(self, step: int, items: range | None = None) -> ArrayBatch:
        """Cut segments `items` (all of them if None) of the batch of training step `step`.

        They are the same at every call.
        """
        segments = [self._segment(step, item) for item in self._items(items)]
        return ArrayBatch(*(np.stack(arrays) for arrays in zip(*segments, strict=True)))

    def _segment(self, step: int, item: int) -> tuple[np.ndarray, ...]:
        """The arrays of one segment, in the order of the fields of `ArrayBatch`."""
        draw = self.draw(step, item)
        audio, mel, at = self._played(draw)
        f0 = resample_f0(self._contour(draw), at, draw.speed)
        voiced = (f0 > 0).astype(np.float32)
        if draw.filled:
            f0 = resample_f0(fill_unvoiced(self._contour(draw)), at, draw.speed)
        audio = (audio * (draw.sign * np.exp(draw.gain))).astype(np.float32)
        if draw.flat:
            mel = flatten_harmonics(mel, f0, self.features)
        silent = mel <= self.log_floor  # it stays silent, however much it is amplified
        amplified = np.maximum(mel + draw.gain, self.log_floor)
        mel = np.where(silent, self.log_floor, amplified).astype(np.float32)
        samples = (self.config.segment_frames + 1) * self.features.hop_length
        noise = draw.rng.standard_normal((self.outputs, samples), np.float32)
        more = draw.rng.random(self.outputs - 1)  # phases
        phase = np.array([draw.phase, *more], np.float32)
        shift = np.array(draw.rng.integers(self.config.shift_samples + 1))
        return audio, mel, f0[None], voiced, noise, phase, shift

    def _played(self, draw: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Audio and mel of a segment, at the level of the recording, and its frames' places.

        The places [T] are frames of the utterance, which may be fractions.
        """
        if draw.disturbed or draw.speed != 1:
            return self._at_speed(draw)
        mels = self.mel_shifted if draw.shifted else self.mel
        return self._as_recorded(draw, mels)

    def _as_recorded(
        self, draw: Draw, mels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        frames, hop = self.config.segment_frames, self.features.hop_length
        within = int(draw.position * (self.frames[draw.utterance] - frames + 1))
        first = self.starts[draw.utterance] + within
        audio = self.audio[first * hop : (first + frames) * hop] / np.float32(32768)
        return audio, mels[first : first + frames].T, within + np.arange(frames)

    def _at_speed(self, draw: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `_played` does, for a segment that is resampled: faster, slower or disturbed.

        The mel of a disturbed segment shows a disturbance that the audio does not have.
        """
        frames, hop, speed = self.config.segment_frames, self.features.hop_length, draw.speed
        margin = margin_frames(self.features)
        first = draw.position * (self.frames[draw.utterance] - frames * speed)
        begin = round((first - margin * speed) * hop)
        audio = self._audio(draw.utterance, begin, round((frames + 2 * margin) * speed * hop))
        disturb = draw.rng if draw.disturbed else None
        audio, mel = resample_segment(audio, frames, self.features, disturb)
        return audio, mel, first + speed * np.arange(frames)

    def _contour(self, draw: Draw) -> np.ndarray:
        """F0 of the utterance of a segment as it was measured, in Hz."""
        start = self.starts[draw.utterance]
        return self.f0[start : start + self.frames[draw.utterance]]

    def _audio(self, utterance: int, first: int, count: int) -> np.ndarray:
        """Samples `first` to `first + count` of an utterance; outside it there is silence."""
        hop = self.features.hop_length
        begin = self.starts[utterance] * hop
        end = begin + self.frames[utterance] * hop
        inside = self.audio[max(begin, begin + first) : min(end, begin + first + count)]
        before = max(0, -first)
        after = count - before - len(inside)
        return np.pad(inside / np.float32(32768), (before, after))


def _check_given(config: DataConfig) -> None:
    """Raise ValueError where segments would need a mel other than the given ones.

    A gain is added to the logarithms, and harmonics are flattened in the mel itself.
    """
    for name in MADE_MELS:
        if share := getattr(config, name):
            raise ValueError(
                f"data.{name}={share}: expected 0, as the mels in {config.path} were given, and"
                " cannot be computed from changed recordings"
            )
