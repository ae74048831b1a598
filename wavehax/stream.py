"""Stream: one voice of a `Vocoder`, whose frames come in pieces."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from wavehax.checks import checked_mel, checked_seed

if TYPE_CHECKING:
    from wavehax.vocoder import Vocoder


class Stream:
    """One voice. Feed it from one thread at a time; the samples equal those of the whole utterance,
    bit for bit."""

    def __init__(self, vocoder: Vocoder, seed: int, f0_scale: float) -> None:
        self._vocoder = vocoder
        self._seed = seed
        self._f0_scale = f0_scale
        self._stream = vocoder._engine.stream(seed)
        self._f0_stream: Any = None  # made by the first push without F0
        self._frames = 0
        self._flushed = False
        self._alone = _Alone()

    @property
    def delay(self) -> int:
        """Samples by which the output lags: before `flush`, N frames give max(0, N * hop_length -
        delay) samples."""
        return self._stream.delay

    @property
    def memory(self) -> int:
        """Bytes that the voice holds, besides the vocoder that all voices share."""
        return self._stream.memory

    def push(self, mel: np.ndarray, f0: np.ndarray | None = None) -> np.ndarray:
        """Take the next frames.

        Args:
            mel: floating [n_mels, n], any number of frames.
            f0: [n] in Hz, at least 1, or 0 where unvoiced; None, in all pushes of an utterance:
                predicted.

        Returns:
            float32 [m], the samples that these frames complete; possibly none.

        Raises:
            ValueError: as `Vocoder.__call__`, frames counted from the first push; the stream is as
                it was before.
            RuntimeError: after `flush`, or while another thread is inside this stream.
        """
        with self._alone:
            if self._flushed:
                raise RuntimeError(
                    "this stream is flushed: call reset() to begin another utterance"
                )
            mel = checked_mel(mel, self._vocoder.features, self._frames)
            f0 = self._predicted_f0(mel) if f0 is None else self._given_f0(f0)
            mel, f0 = self._vocoder._scaled(mel, f0, self._f0_scale, self._frames)
            samples = self._stream.push(mel, f0)
            self._frames += mel.shape[1]
            return samples

    def _predicted_f0(self, mel: np.ndarray) -> np.ndarray:
        if self._f0_stream is None:
            if self._frames:
                raise ValueError(
                    f"f0 is missing from frame {self._frames} on: expected for all frames, or for"
                    " none"
                )
            self._f0_stream = self._vocoder._f0_stream(self._f0_scale)
        return self._f0_stream.push(mel)

    def _given_f0(self, f0: np.ndarray) -> np.ndarray:
        if self._f0_stream is not None:
            raise ValueError(
                f"f0 is given from frame {self._frames} on: expected for all frames, or for none"
            )
        return f0

    def flush(self) -> np.ndarray:
        """End the utterance: float32 [m], the samples still owed. Only `reset` may follow."""
        with self._alone:
            if self._flushed:
                raise RuntimeError(
                    "this stream is flushed already: call reset() to begin another utterance"
                )
            self._flushed = True
            return self._stream.flush()

    def reset(self, seed: int | None = None) -> None:
        """Begin a fresh utterance; by default with the seed of the last one."""
        with self._alone:
            self._seed = self._seed if seed is None else checked_seed(seed)
            self._stream.reset(self._seed)
            self._f0_stream = None
            self._frames = 0
            self._flushed = False


class _Alone:
    """Held by the one thread that is inside a stream; a second one is refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(
                "this stream is in use by another thread: a stream belongs to one voice, make one"
                " for each"
            )

    def __exit__(self, *_: object) -> None:
        self._lock.release()
