"""Reads definitions of a mel by name or from YAML files (docs/mels.md#a-definition-of-your-own)."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wavehax.config import FEATURES, ConfigError, FeatureConfig, from_dict, to_dict
from wavehax.errors import one_line
from wavehax.files.yaml import read_yaml
from wavehax.mel.files import read_stats

SUFFIXES = (".yaml", ".yml", ".json")
_NUMBERS = tuple(field.name for field in dataclasses.fields(FeatureConfig) if field.type == "float")
_LISTS = ("mean", "scale", "clip")


def definition_of(name: str | os.PathLike[str]) -> FeatureConfig:
    """The definition of a mel.

    Args:
        name: that of a preset, or the path of a YAML file with the fields of `FeatureConfig`.

    Raises:
        ValueError: there is neither a preset of this name nor such a file, or the file holds no
            definition; the message names the file and the field.
        ModuleNotFoundError: PyYAML is not installed.
    """
    if name in FEATURES:
        return FEATURES[str(name)]
    path = Path(name)
    if not path.is_file():
        if path.suffix.lower() in SUFFIXES:
            raise ValueError(f"{path}: no such file")
        raise ValueError(f"{name}: expected one of {', '.join(FEATURES)}, or a YAML file")
    try:
        return _from_values(read_yaml(path), path)
    except (ConfigError, TypeError, OverflowError, UnicodeError) as error:
        raise ValueError(f"{path}: {one_line(error)}") from error


def _from_values(values: Mapping[str, Any], path: Path) -> FeatureConfig:
    """The definition in a YAML file, whose own fields come before those of `like` and `stats`."""
    given = dict(values)
    like, stats = given.pop("like", None), given.pop("stats", None)
    if like is not None and like not in FEATURES:
        raise ConfigError(f"like={repr(like)[:40]}: expected one of {', '.join(FEATURES)}")
    fields = {} if like is None else to_dict(FEATURES[like])
    fields |= {"name": path.stem} | {name: _read(name, value) for name, value in given.items()}
    if stats is not None:
        mean, scale = read_stats(path.parent / str(stats), int(fields.get("n_mels", 0)))
        fields |= {"mean": mean.tolist(), "scale": scale.tolist()}
    features = from_dict(FeatureConfig, fields)
    features.name.encode()  # YAML can spell half a surrogate pair, which no model file holds
    return features


def _read(name: str, value: Any) -> Any:
    """`value` as the field takes it: one number as a list, 1e-5 (text to YAML) as a number."""
    if name in _NUMBERS and isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value)
    if name in _LISTS and not isinstance(value, list):
        return [value]
    return str(value) if name == "log" and type(value) is int else value
