"""Reads YAML files that hold a mapping; needs PyYAML (also in the extra `train`)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wavehax.errors import one_line, optional_module


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML (or JSON) file.

    Raises:
        ValueError: the file cannot be read, is no YAML, or is no mapping with text keys; the
            message is one line that names the file.
        ModuleNotFoundError: PyYAML is not installed.
    """
    yaml = optional_module("yaml", "reading a YAML file", "pyyaml")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    # PyYAML raises nearly anything for a tag that does not fit its value, as in `!!int ""`.
    except Exception as error:
        raise ValueError(f"{path}: not a YAML file that can be read ({one_line(error)})") from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ValueError(f"{path}: expected a mapping of names to values")
    return values


def read_card(path: Path, reserved: Mapping[str, str]) -> dict[str, Any]:
    """Read provenance from a YAML file: any names, such as licence, data, hardware and scores.

    Args:
        path: the file.
        reserved: names that may not be in it, each with the reason that the error gives.

    Raises:
        ValueError: not a mapping of text, numbers, lists and mappings, or a reserved name is in it.
        ModuleNotFoundError: PyYAML is not installed.
    """
    card = read_yaml(path)
    for name, value in card.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            expected = "expected text, finite numbers, lists and mappings"
            raise ValueError(f"{path}: {name}: {expected}") from error
    for name, reason in reserved.items():
        if name in card:
            raise ValueError(f"{path}: {name}: {reason}, expected other names")
    return card


def read_value(text: str) -> Any:
    """Read a YAML value, as an option gives it.

    Numbers such as 1e-3, which YAML takes for text, become numbers.

    Raises:
        ValueError: `text` is no YAML.
        ModuleNotFoundError: PyYAML is not installed.
    """
    yaml = optional_module("yaml", "reading a YAML value", "pyyaml")
    try:
        value = yaml.safe_load(text)
    except Exception as error:  # PyYAML raises nearly anything, as in `read_yaml`
        raise ValueError(f"{text!r}: not YAML ({one_line(error)})") from error
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value) if any(c.isdigit() for c in value) else value
    return value
