"""Reading of a training configuration from YAML, with overrides and `init_from`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wavehax.config import ConfigError
from wavehax.files.yaml import read_value, read_yaml
from wavehax.train.config import TrainConfig
from wavehax.train.inherit import inherited
from wavehax.train.values import config_from_dict


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a training configuration.

    With `init_from`, fields of `generator` and `features` that are left out are those of that
    model, and those that are given must agree with it (wavehax.train.inherit).

    Args:
        path: a YAML file.
        overrides: `key=value` or `section.key=value` with YAML values.

    Raises:
        OSError: `init_from` names a run that does not exist.
        ValueError: the file or `init_from` cannot be read, a key is unknown or missing, or a value
            cannot be; the message names it.
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
