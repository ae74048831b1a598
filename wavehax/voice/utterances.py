"""Synthesises many utterances, which threads share: lists of mels, and padded arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from wavehax.checks import as_array, fitted_f0
from wavehax.errors import holding, naming, warn

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from wavehax.vocoder import Vocoder


def vocode_list(
    mels: Iterable[ArrayLike],
    f0s: Iterable[ArrayLike | None] | None,
    prepare: Callable[[ArrayLike, ArrayLike | None], tuple[np.ndarray, np.ndarray]],
    synthesise: Callable[..., np.ndarray],
    threads: int,
) -> list[np.ndarray]:
    """Synthesise utterances on several threads. Result and errors are those of `Vocoder.batch`.

    Args:
        mels: the mel of each.
        f0s: the F0 of each, or None.
        prepare: `Vocoder.prepare` with the scales filled in.
        synthesise: `Vocoder.synthesise` with the seed filled in.
        threads: the most threads that work at once.
    """
    mels = list(mels)
    f0s = [None] * len(mels) if f0s is None else list(f0s)
    if len(f0s) != len(mels):
        raise ValueError(
            f"f0s has {len(f0s)} utterances and mels has {len(mels)}: expected the same number in"
            " both"
        )
    workers = max(1, min(threads, len(mels)))
    each = max(1, threads // workers)  # threads for one utterance, where there are few

    def prepared(index: int) -> tuple[tuple[np.ndarray, np.ndarray], list[str]]:
        try:
            with naming(f"utterance {index}"), holding() as messages:
                return prepare(mels[index], f0s[index]), messages
        except ValueError as error:
            raise ValueError(f"utterance {index}: {error}") from error

    with ThreadPoolExecutor(workers) as pool:
        try:
            # All are checked before the first is synthesised.
            inputs = []
            for one, messages in list(pool.map(prepared, range(len(mels)))):
                inputs.append(one)
                for message in messages:
                    warn(message)
            waves = {}
            # The longest begin, as one that began last would keep the others waiting.
            for i in sorted(range(len(mels)), key=lambda i: -inputs[i][0].shape[1]):
                waves[i] = pool.submit(synthesise, *inputs[i], threads=each)
            return [waves[i].result() for i in range(len(mels))]
        except BaseException:  # Ctrl-C too
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def vocode_padded(
    vocoder: Vocoder,
    mel: np.ndarray,
    f0: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
    **options: Any,
) -> np.ndarray:
    """Synthesise utterances of which the shorter ones are padded.

    Args:
        vocoder: the model.
        mel: floating [B, n_mels, T]. What lies behind the length of an utterance is not read.
        f0: [B, T] in Hz, 0 where unvoiced, fitted to T as that of one utterance; None lets the
            model predict it.
        lengths: the frames of each utterance, [B], from 1 to T each; None is T for all.
        options: the rest, as in `Vocoder.batch`.

    Returns:
        float32 [B, T * hop_length]; zeros behind each utterance.

    Raises:
        ValueError: as `Vocoder.batch`; or `f0` or `lengths` does not belong to such a mel.
    """
    count, frames = mel.shape[0], mel.shape[2]
    kept = _checked_lengths(lengths, count, frames)
    f0s = None
    if f0 is not None:
        f0 = fitted_f0(f0, frames, axes=2)
        if f0.shape != (count, frames):
            raise ValueError(
                f"f0 has shape {list(f0.shape)} and mel has shape {list(mel.shape)}: expected f0"
                f" [{count}, {frames}]"
            )
        f0s = [contour[:length] for contour, length in zip(f0, kept, strict=True)]
    mels = [one[:, :length] for one, length in zip(mel, kept, strict=True)]
    result = np.zeros((count, frames * vocoder.hop_length), np.float32)
    for row, wave in zip(result, vocoder.batch(mels, f0s, **options), strict=True):
        row[: len(wave)] = wave
    return result


def _checked_lengths(lengths: ArrayLike | None, count: int, frames: int) -> list[int]:
    if lengths is None:
        return [frames] * count
    given = as_array(lengths)
    if given.shape != (count,) or given.dtype.kind not in "iu":
        raise ValueError(
            f"lengths is {given.dtype} {list(given.shape)}: expected integers [{count}], the frames"
            " of each utterance"
        )
    for index, length in enumerate(given):
        if not 1 <= length <= frames:
            raise ValueError(
                f"lengths[{index}] is {length}: expected 1 to {frames}, the frames of mel"
            )
    return [int(length) for length in given]
