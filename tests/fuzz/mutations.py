"""Damage to bytes and to JSON, drawn from a generator of random numbers so that every case can be
made again."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

NUMBERS = (
    0,
    1,
    -1,
    2,
    3,
    7,
    8,
    255,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32,
    2**53,
    2**63,
    2**64,
    10**30,
)
VALUES: tuple[Any, ...] = (
    None, True, False, "", "batch", "\0", "\x1b[2J", "\ud800", "🎤", [], {}, [[]], {"a": 0}, [1, 2],
    [7, 7], 0.0, -0.5, 1e-320, 1e308, float("inf"), float("nan"), *NUMBERS,
)  # fmt: skip


def damaged(rng: np.random.Generator, content: bytes) -> bytes:
    """`content` with one to four changes: cut, bits flipped, bytes set, inserted, taken out or
    repeated."""
    for _ in range(rng.integers(1, 5)):
        content = _DAMAGES[rng.integers(len(_DAMAGES))](rng, content)
    return content


def damaged_json(rng: np.random.Generator, value: Any) -> Any:
    """A copy of parsed JSON with one to three of its values replaced, removed or added."""
    value = copy.deepcopy(value)
    for _ in range(rng.integers(1, 4)):
        holder = _any_container(rng, value)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        action = rng.integers(4)
        if not keys or action == 0:
            holder.update({_key(rng): hostile(rng)}) if isinstance(holder, dict) else holder.append(
                hostile(rng)
            )
        elif action == 1:
            del holder[keys[rng.integers(len(keys))]]
        else:
            key = keys[rng.integers(len(keys))]
            holder[key] = hostile(rng, holder[key])
    return value


def hostile(rng: np.random.Generator, old: Any = None) -> Any:
    """A value that few expect; near `old` where that is a number."""
    if type(old) is int and rng.random() < 0.5:
        return int(old) + int(rng.choice([-2, -1, 1, 2, old, -old]))
    return copy.deepcopy(VALUES[rng.integers(len(VALUES))])


def _any_container(rng: np.random.Generator, value: Any) -> Any:
    while True:
        children = value.values() if isinstance(value, dict) else value
        inner = [child for child in children if isinstance(child, (dict, list))]
        if not inner or rng.random() < 0.3:
            return value
        value = inner[rng.integers(len(inner))]


def _key(rng: np.random.Generator) -> str:
    return str(rng.choice(["x", "mel_mean", "", "\0", "shape", "__metadata__", "a" * 500]))


def _span(rng: np.random.Generator, content: bytes) -> tuple[int, int]:
    begin = int(rng.integers(len(content) + 1))
    return begin, min(len(content), begin + int(2 ** rng.uniform(0, 10)))


def _cut(rng: np.random.Generator, content: bytes) -> bytes:
    return content[: rng.integers(len(content) + 1)]


def _flip(rng: np.random.Generator, content: bytes) -> bytes:
    values = bytearray(content)
    for at in rng.integers(max(1, len(values)), size=rng.integers(1, 9)) if values else ():
        values[at] ^= 1 << rng.integers(8)
    return bytes(values)


def _set_number(rng: np.random.Generator, content: bytes) -> bytes:
    size = int(rng.choice([1, 2, 4, 8]))
    number = NUMBERS[rng.integers(len(NUMBERS))] % 2 ** (8 * size)
    at = int(rng.integers(len(content) + 1))
    return (
        content[:at]
        + number.to_bytes(size, str(rng.choice(["little", "big"])))
        + content[at + size :]
    )


def _insert(rng: np.random.Generator, content: bytes) -> bytes:
    at = int(rng.integers(len(content) + 1))
    return content[:at] + rng.bytes(int(rng.integers(1, 65))) + content[at:]


def _remove(rng: np.random.Generator, content: bytes) -> bytes:
    begin, end = _span(rng, content)
    return content[:begin] + content[end:]


def _repeat(rng: np.random.Generator, content: bytes) -> bytes:
    begin, end = _span(rng, content)
    return content[:end] + content[begin:end] + content[end:]


_DAMAGES = (_cut, _flip, _flip, _set_number, _set_number, _insert, _remove, _repeat)
