"""The engine's noise and initial phase of a seed as operators. Twin of csrc/signal/random.cpp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from wavehax.export.graph import Tensor, integers
from wavehax.export.timeline import Whole

Word: TypeAlias = Any
"""32 bits: an int, or a Tensor of int64 values from 0 to 2^32 - 1."""

_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_KEY_STEPS = 0x9E3779B9, 0xBB67AE85
_MASK = 0xFFFFFFFF
_HALF = 0x10000


def initial_phase(seed: int) -> float:
    """The phase of a voice just before its first sample, in cycles, 0 to 1."""
    return float(philox([0, 0, 0, 1], seed)[0] / 2**32)


def seeded_noise(time: Whole, seed: int) -> Tensor:
    """The gaussian noise of an utterance, of unit variance, float32 [1, N].

    Values come in blocks of four: the counter of Philox is the number of the block, and each two of
    its four words give two values by the Box-Muller transform.
    """
    count = time.frames() * time.config.hop_length
    blocks = ((count + 3) // 4).op("Squeeze")
    block = time.mel.graph.op("Range", np.int64(0), blocks, np.int64(1))
    words = philox([block, 0, 0, 0], seed)
    values = [value for i in (0, 2) for value in _pair(words[i], words[i + 1])]
    joined = values[0].graph.op("Concat", *(value.unsqueeze(1) for value in values), axis=1)
    return joined.reshape(1, -1).op("Slice", integers(0), count, integers(1))


def philox(counter: Sequence[Word], seed: int) -> list[Word]:
    """Four random words for a counter of four words.

    The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
    2011); the seed of 64 bits is its key.
    """
    a, b, c, d = counter
    keys = [seed & _MASK, seed >> 32]
    for _ in range(10):
        high_a, low_a = _product(a, _MULTIPLIERS[0])
        high_c, low_c = _product(c, _MULTIPLIERS[1])
        a, b, c, d = high_c ^ b ^ keys[0], low_c, high_a ^ d ^ keys[1], low_a
        keys = [(key + step) & _MASK for key, step in zip(keys, _KEY_STEPS, strict=True)]
    return [a, b, c, d]


def _product(word: Word, factor: int) -> tuple[Word, Word]:
    """The high and the low 32 bits of a product.

    The factor is multiplied in halves of 16 bits, so that no int64 overflows."""
    upper, lower = word * (factor // _HALF), word * (factor % _HALF)
    high = (upper + lower // _HALF) // _HALF
    return high, ((upper & (_HALF - 1)) * _HALF + lower) & _MASK


def _pair(radius: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Two normal values, float32, from two words."""
    uniform = (radius // 2**8 + 1).cast(np.float64) * 2**-24  # more than 0, for the logarithm
    length = (uniform.op("Log") * -2).op("Sqrt")
    turn = angle.cast(np.float64) * (2 * math.pi / 2**32)
    # A cosine as a sine: ONNX Runtime has no cosine in float64.
    values = (length * (turn + math.pi / 2).op("Sin"), length * turn.op("Sin"))
    return values[0].cast(np.float32), values[1].cast(np.float32)
