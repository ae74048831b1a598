"""Computes the log-mel of sound as it comes: the frames of `features.log_mel`, each at once."""

from __future__ import annotations

from typing import Literal

import numpy as np

from wavehax.checks import checked_audio
from wavehax.config import FeatureConfig
from wavehax.config.written import written
from wavehax.mel.features import (
    frame_count,
    natural_mel_of_padded,
    padding_samples,
    pre_emphasised,
)


class MelStream:
    """The log-mel of one recording that comes in pieces.

    The frames of all pushes and of `flush`, one after the other, are those that `log_mel` computes
    of the whole recording.
    """

    def __init__(self, features: FeatureConfig) -> None:
        """
        Args:
            features: the definition of the mel.

        Raises:
            ValueError: the definition brings recordings to a level (`peak`), which is not known
                before their end.
        """
        if features.peak:
            raise ValueError(
                f"features.peak={features.peak:g}: the level of a recording is not known before its"
                " end, expected a definition without it"
            )
        self._features = features
        self.reset()

    @property
    def delay(self) -> int:
        """Samples by which frames lag.

        Before `flush`, N samples have given max(0, N - delay) // hop_length frames. With a Hamming
        window and reflection they may have given more, because there the delay is that of the first
        frame, which waits for one sample more.
        """
        features = self._features
        late = self._reflected - self._padding if features.centred else 0
        return self._padding + late - (features.hop_length if features.centred else 0)

    @property
    def _padding(self) -> int:
        """Samples of padding before the first sample, in the window of the first frame."""
        return padding_samples(self._features)

    @property
    def _reflected(self) -> int:
        """Samples that must have come before the padding at the beginning can reflect them.

        Its first sample lies under the end of a Hann window, which is 0, and may be any number.
        """
        features = self._features
        zero = features.window == "hann" or features.window_length < features.n_fft
        return self._padding + (0 if zero else 1)

    def reset(self) -> None:
        """Begin another recording."""
        self._flushed = False
        self._samples = 0  # number of samples taken
        self._frames = 0  # number of frames given
        self._last = np.empty(0)  # the last samples, which the padding at the end reflects
        # Padded samples from the beginning of the next window on.
        self._padded = np.empty(0) if self._features.reflects else np.zeros(self._padding)
        self._before = 0.0  # the last sample taken, before pre-emphasis

    def push(self, audio: np.ndarray) -> np.ndarray:
        """Take the next samples.

        Args:
            audio: [n], nominally in [-1, 1], any number n of samples.

        Returns:
            float32 [n_mels, m], the frames whose windows these samples fill; m may be 0.

        Raises:
            ValueError: `audio` is not one-dimensional, or not finite; the message counts samples
                from the first push, and the stream stays as it was before.
            RuntimeError: the stream is flushed.
        """
        self._refuse_flushed()
        audio = checked_audio(audio, self._samples, least=0)
        last = float(audio[-1]) if len(audio) else self._before
        audio, self._before = pre_emphasised(audio, self._features, self._before), last
        waits = self._features.reflects and self._samples < self._reflected
        self._samples += len(audio)
        self._padded = np.concatenate([self._padded, audio])
        self._last = np.concatenate([self._last, audio])[-self._padding - 1 :]
        if waits and self._samples < self._reflected:
            return natural_mel_of_padded(self._padded, 0, self._features)
        if waits:
            first = self._padded[self._padding] if self._reflected > self._padding else 0.0
            reflected = self._padded[1 : self._padding][::-1]
            self._padded = np.concatenate([[first], reflected, self._padded])
        return self._next(
            max(0, (len(self._padded) - self._features.n_fft) // self._features.hop_length + 1)
        )

    def flush(self) -> np.ndarray:
        """End the recording. Only `reset` may follow.

        Returns:
            float32 [n_mels, m], the rest of the frames.

        Raises:
            RuntimeError: the stream is flushed already.
        """
        self._refuse_flushed()
        self._flushed = True
        if self._samples == 0:
            return self._next(0)
        mode: Literal["reflect", "constant"] = "reflect" if self._features.reflects else "constant"
        if mode == "reflect" and self._samples <= self._padding:  # it reflects more than once
            padded = np.pad(self._last, self._padding, mode=mode)
            self._padded = padded[self._frames * self._features.hop_length :]
            return self._next(frame_count(self._samples, self._features) - self._frames)
        end = np.pad(self._last, (0, self._padding), mode=mode)[len(self._last) :]
        self._padded = np.concatenate([self._padded, end])
        return self._next(frame_count(self._samples, self._features) - self._frames)

    def _refuse_flushed(self) -> None:
        if self._flushed:
            raise RuntimeError("the stream was flushed: only reset() may follow")

    def _next(self, count: int) -> np.ndarray:
        mel = written(natural_mel_of_padded(self._padded, count, self._features), self._features)
        self._padded = self._padded[count * self._features.hop_length :]
        self._frames += count
        return mel
