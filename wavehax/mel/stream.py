"""Log-mel of sound as it comes, for voices that are live: the frames of `features.log_mel`, as soon
as can be."""

from __future__ import annotations

import numpy as np

from wavehax.config import FeatureConfig
from wavehax.mel.features import checked_audio, frame_count, log_mel, log_mel_of_padded


class MelStream:
    """One recording, in pieces. Between them the frames of all pushes and of `flush` are those of
    `log_mel`."""

    def __init__(self, features: FeatureConfig) -> None:
        self._features = features
        self.reset()

    @property
    def delay(self) -> int:
        """Samples by which frames lag: before `flush`, N samples give max(0, N - delay) //
        hop_length frames."""
        return self._padding - (self._features.hop_length if self._centred else 0)

    @property
    def _centred(self) -> bool:
        return self._features.padding == "centre"

    @property
    def _padding(self) -> int:
        """Samples before the first one that the first window holds."""
        features = self._features
        return features.n_fft // 2 if self._centred else (features.n_fft - features.hop_length) // 2

    def reset(self) -> None:
        """Begin another recording."""
        self._flushed = False
        self._samples = 0  # that have come
        self._frames = 0  # that have been given
        self._last = np.empty(0)  # the last samples, as many as the reflection at the end needs
        # from the next window on
        self._padded = np.empty(0) if self._centred else np.zeros(self._padding)

    def push(self, audio: np.ndarray) -> np.ndarray:
        """Take the next samples.

        Args:
            audio: [n], nominally in [-1, 1], any number of samples.

        Returns:
            float32 [n_mels, m], the frames whose windows these samples fill; possibly none.

        Raises:
            ValueError: not one-dimensional, or not finite, samples counted from the first push; the
                stream is as it was before.
            RuntimeError: after `flush`.
        """
        self._refuse_flushed()
        audio = checked_audio(audio, self._samples, least=0)
        begins = self._centred and self._samples < self._padding <= self._samples + len(audio)
        self._samples += len(audio)
        self._padded = np.concatenate([self._padded, audio])
        self._last = np.concatenate([self._last, audio])[-self._padding - 1 :]
        # the reflection: where the window is 0, the sample that has not come yet may be anything
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
        """End the recording: float32 [n_mels, m], the frames still owed. Only `reset` may follow.

        Raises:
            RuntimeError: after `flush`.
        """
        self._refuse_flushed()
        self._flushed = True
        if self._centred and self._samples <= self._padding:  # reflected more than once
            return (
                log_mel(self._last, self._features)[:, self._frames :]
                if self._samples
                else self._next(0)
            )
        mode = "reflect" if self._centred else "constant"
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
