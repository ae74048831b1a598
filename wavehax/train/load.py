"""A training configuration read from YAML, with overrides and what `init_from` settles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wavehax.config import ConfigError
from wavehax.files.yaml import read_value, read_yaml
from wavehax.train.config import TrainConfig, config_from_dict
from wavehax.train.inherit import inherited


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a YAML file; `overrides` are `key=value` or `section.key=value` with YAML values.

    With `init_from`, fields of `generator` and `features` that are left out are those of that
    model, and those that are given must agree with it (wavehax.train.inherit).

    Raises:
        OSError: there is no such run as `init_from` names.
        ValueError: the file or `init_from` cannot be read, an unknown or missing key, or a value
            that cannot be; the message names it.
    """
    values = read_yaml(path)
    for text in overrides:
        key, value = _split_override(text)
        section, _, name = key.rpartition(".")
        target = values.setdefault(section, {}) if section else values
        if not isinstance(target, dict):
            raise ConfigError(
                f"{key}: {section}={repr(target)[:40]} is no section, expected a mapping of keys"
            )
        target[name] = value
    if values.get("init_from") and isinstance(values["init_from"], str):
        values = inherited(values)
    return config_from_dict(values)


def _split_override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or key.count(".") > 1 or "" in key.split("."):
        raise ConfigError(f"{text!r}: expected key=value or section.key=value")
    try:
        return key, read_value(value)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from error
