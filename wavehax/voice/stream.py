"""Stream: one voice of a `Vocoder`, whose frames come in pieces."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from wavehax.checks import checked_mel, checked_seed
from wavehax.voice.inputs import F0Range

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from wavehax.vocoder import Vocoder


class Stream:
    """One voice, whose frames come in pieces; `Vocoder.stream` makes it.

    The samples of all pushes and of `flush`, one after the other, are bit for bit those that
    `Vocoder.__call__` makes of the whole utterance. Only one thread at a time may use a stream.
    """

    def __init__(self, vocoder: Vocoder, seed: int, f0_scale: float, formant_scale: float) -> None:
        self._inputs = vocoder._inputs
        self._seed = seed
        self._f0_scale = f0_scale
        self._formant_scale = formant_scale
        self._stream = vocoder._engine.stream(seed)
        self._f0_stream: Any = None  # made by the first push without F0
        self._frames = 0
        self._range: F0Range | None = None  # made by the first push
        self._flushed = False
        self._alone = _Alone()

    @property
    def delay(self) -> int:
        """Samples by which the output lags.

        Before `flush`, N frames have given max(0, N * hop_length - delay) samples.
        """
        return self._stream.delay

    @property
    def memory(self) -> int:
        """Bytes of memory that this voice takes, without the vocoder that all voices share."""
        return self._stream.memory

    def push(self, mel: ArrayLike, f0: ArrayLike | None = None) -> np.ndarray:
        """Take the next frames.

        Args:
            mel: floating [n_mels, n], any number n of frames.
            f0: [n] in Hz, at least 1, or 0 where unvoiced. Where it is None, in all pushes of an
                utterance or in none, F0 is predicted from the mel.

        Returns:
            float32 [m], the samples that these frames complete; m may be 0.

        Raises:
            ValueError: as `Vocoder.__call__`, with frames counted from the first push; the stream
                stays as it was before.
            RuntimeError: the stream is flushed, or another thread is inside it.
        """
        with self._alone:
            self._refuse_flushed()
            mel = checked_mel(mel, self._inputs.features, self._frames)
            f0 = self._predicted_f0(mel) if f0 is None else self._given_f0(f0)
            scales = self._f0_scale, self._formant_scale
            mel, f0 = self._inputs.scaled(mel, f0, *scales, self._frames)
            if self._range is None:
                predicted = self._f0_stream is not None
                self._range = self._inputs.range_of(self._f0_scale, predicted=predicted)
            self._range.look(f0, self._frames)
            return self._push(mel, f0)

    def push_checked(self, mel: np.ndarray, f0: np.ndarray) -> np.ndarray:
        """Take frames that `Vocoder.prepare` returned; the rest is as `push`."""
        with self._alone:
            self._refuse_flushed()
            return self._push(mel, f0)

    def _refuse_flushed(self) -> None:
        if self._flushed:
            raise RuntimeError("this stream is flushed: call reset() to begin another utterance")

    def _push(self, mel: np.ndarray, f0: np.ndarray) -> np.ndarray:
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
            self._f0_stream = self._inputs.prediction(self._f0_scale)
        return self._f0_stream.push(mel)

    def _given_f0(self, f0: ArrayLike) -> ArrayLike:
        if self._f0_stream is not None:
            raise ValueError(
                f"f0 is given from frame {self._frames} on: expected for all frames, or for none"
            )
        return f0

    def flush(self) -> np.ndarray:
        """End the utterance. Only `reset` may follow.

        Returns:
            float32 [m], the rest of the samples.

        Raises:
            RuntimeError: the stream is flushed already, or another thread is inside it.
        """
        with self._alone:
            if self._flushed:
                raise RuntimeError(
                    "this stream is flushed already: call reset() to begin another utterance"
                )
            self._flushed = True
            return self._stream.flush()

    def reset(self, seed: int | None = None) -> None:
        """Begin another utterance.

        Args:
            seed: as in `Vocoder.__call__`. None takes the seed of the last utterance.

        Raises:
            ValueError: `seed` is no such number.
            RuntimeError: another thread is inside this stream.
        """
        with self._alone:
            self._seed = self._seed if seed is None else checked_seed(seed)
            self._stream.reset(self._seed)
            self._f0_stream = None
            self._frames = 0
            self._range = None
            self._flushed = False


class _Alone:
    """A lock that the thread inside a stream holds; a second thread is refused, and never waits."""

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
