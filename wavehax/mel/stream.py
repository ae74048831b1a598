"""Computes the log-mel of sound as it comes: the frames of `features.log_mel`, each at once."""

from __future__ import annotations

from typing import Literal

import numpy as np

from wavehax.config import FeatureConfig
from wavehax.mel.features import checked_audio, frame_count, log_mel, log_mel_of_padded


class MelStream:
    """The log-mel of one recording that comes in pieces.

    The frames of all pushes and of `flush`, one after the other, are those that `log_mel` computes
    of the whole recording.
    """

    def __init__(self, features: FeatureConfig) -> None:
        """
        Args:
            features: the definition of the mel.
        """
        self._features = features
        self.reset()

    @property
    def delay(self) -> int:
        """Samples by which frames lag.

        Before `flush`, N samples have given max(0, N - delay) // hop_length frames.
        """
        return self._padding - (self._features.hop_length if self._centred else 0)

    @property
    def _centred(self) -> bool:
        return self._features.padding == "centre"

    @property
    def _padding(self) -> int:
        """Samples of padding before the first sample, in the window of the first frame."""
        features = self._features
        return features.n_fft // 2 if self._centred else (features.n_fft - features.hop_length) // 2

    def reset(self) -> None:
        """Begin another recording."""
        self._flushed = False
        self._samples = 0  # number of samples taken
        self._frames = 0  # number of frames given
        self._last = np.empty(0)  # the last samples, which the padding at the end reflects
        # Padded samples from the beginning of the next window on.
        self._padded = np.empty(0) if self._centred else np.zeros(self._padding)

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
        begins = self._centred and self._samples < self._padding <= self._samples + len(audio)
        self._samples += len(audio)
        self._padded = np.concatenate([self._padded, audio])
        self._last = np.concatenate([self._last, audio])[-self._padding - 1 :]
        # Padding reflects the first samples. Its first sample would be one that may not have come
        # yet; 0 does as well, because the window is 0 there.
        if begins:
            self._padded = np.concatenate(
                [[0.0], self._padded[1 : self._padding][::-1], self._padded]
            )
        if self._centred and self._samples < self._padding:
            return log_mel_of_padded(self._padded, 0, self._features)
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
        if self._centred and self._samples <= self._padding:  # padding reflects more than once
            return (
                log_mel(self._last, self._features)[:, self._frames :]
                if self._samples
                else self._next(0)
            )
        mode: Literal["reflect", "constant"] = "reflect" if self._centred else "constant"
        end = np.pad(self._last, (0, self._padding), mode=mode)[len(self._last) :]
        self._padded = np.concatenate([self._padded, end])
        return self._next(frame_count(self._samples, self._features) - self._frames)

    def _refuse_flushed(self) -> None:
        if self._flushed:
            raise RuntimeError("the stream was flushed: only reset() may follow")

    def _next(self, count: int) -> np.ndarray:
        mel = log_mel_of_padded(self._padded, count, self._features)
        self._padded = self._padded[count * self._features.hop_length :]
        self._frames += count
        return mel
