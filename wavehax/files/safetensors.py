"""Checks the header of a .safetensors file that may come from anywhere.

Its JSON hides nothing, and its tensors fill the file without gap or overlap.
"""

from __future__ import annotations

import json
import math
from typing import Any

from wavehax.errors import ModelError

_MAX_DEPTH = 32  # levels of nested JSON; code that shows or copies it may recurse


def parse_json(text: str) -> Any:
    """Parse JSON as the standard has it: no repeated key, no NaN, at most _MAX_DEPTH levels.

    Raises:
        ModelError: the text repeats a key, holds NaN or an infinity, or is nested deeper.
        ValueError: it is not JSON.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in pairs:
            if name in values:
                raise ModelError(f"JSON repeats the key {name!r}")
            values[name] = value
        return values

    def refuse(constant: str) -> Any:
        raise ModelError(f"JSON holds {constant}")

    value = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, (dict, list))]
        level = [
            child
            for item in containers
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    if level:
        raise ModelError(f"JSON nested more than {_MAX_DEPTH} deep")


def spans(header: dict[str, Any], size: int) -> list[tuple[int, int, str]]:
    """First byte, end and name of every tensor, in the order of the file.

    Raises:
        ModelError: an entry is no tensor of float32, or the tensors do not cover `size` bytes
            without gap and overlap.
    """
    found = sorted((*_span(name, entry), name) for name, entry in header.items())
    position = 0
    for begin, end, name in found:
        if begin != position:
            raise ModelError(
                f"tensor {name} begins at byte {begin}: expected {position}, where the one before"
                " it ends"
            )
        if end > size:
            raise ModelError(
                f"tensor {name} ends at byte {end}: the file has {size} bytes of tensors;"
                " truncated?"
            )
        position = end
    if position != size:
        raise ModelError(f"{size - position} bytes behind the last tensor")
    return found


def _span(name: str, entry: Any) -> tuple[int, int]:
    """First byte and end of a tensor, checked against its shape."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ModelError(f"tensor {name}: expected dtype, shape and data_offsets")
    if entry["dtype"] != "F32":
        raise ModelError(f"tensor {name} has dtype {entry['dtype']!r}: expected 'F32'")
    shape, offsets = entry["shape"], entry["data_offsets"]
    for numbers in (shape, offsets):
        if (
            not isinstance(numbers, list)
            or len(numbers) > 8
            or any(type(n) is not int or n < 0 for n in numbers)
        ):
            raise ModelError(
                f"tensor {name}: shape and data_offsets are lists of integers, 0 or more"
            )
    if len(offsets) != 2 or offsets[1] - offsets[0] != 4 * math.prod(shape):
        raise ModelError(f"tensor {name}: shape {shape} does not fill the bytes {offsets}")
    return offsets[0], offsets[1]
