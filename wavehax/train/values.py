"""Configurations of runs as plain values, such as YAML files and checkpoints hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from wavehax.config import FEATURES, ConfigError, FeatureConfig, GeneratorConfig, from_dict, to_dict
from wavehax.data.config import DataConfig
from wavehax.mel.definitions import SUFFIXES, definition_of
from wavehax.train.config import (
    AdversaryConfig,
    LossConfig,
    MonitorConfig,
    OptimizerConfig,
    TeacherConfig,
    TrainConfig,
)

_SECTIONS = {
    "data": DataConfig,
    "generator": GeneratorConfig,
    "loss": LossConfig,
    "optimizer": OptimizerConfig,
    "adversary": AdversaryConfig,
    "teacher": TeacherConfig,
    "monitor": MonitorConfig,
}


def config_from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """Read the configuration from nested plain values, such as `config_to_dict` makes.

    A run without an adversary or a teacher has None there, or no such key.

    Raises:
        ConfigError: a field is unknown, missing or has a value that cannot be; the message names
            it.
    """
    given = {
        name: values[name]
        for name in _SECTIONS
        if name in values and not (name in ("adversary", "teacher") and values[name] is None)
    }
    sections: dict[str, Any] = {
        name: from_dict(_SECTIONS[name], value) for name, value in given.items()
    }
    if "features" in values:
        sections["features"] = read_features(values["features"])
    return from_dict(TrainConfig, {**values, **sections})


def read_features(given: Any) -> Any:
    """A preset as its name, any other definition as a FeatureConfig, and all else unchanged.

    Raises:
        ConfigError: a mapping or file is no definition of a mel, or the file cannot be read.
    """
    features = given
    if isinstance(given, Mapping):
        features = from_dict(FeatureConfig, given)
    elif isinstance(given, str) and given.lower().endswith(SUFFIXES):
        try:
            features = definition_of(given)
        except ValueError as error:
            raise ConfigError(f"features: {error}") from error
    if isinstance(features, FeatureConfig) and FEATURES.get(features.name) == features:
        return features.name
    return features


def config_to_dict(config: TrainConfig) -> dict[str, Any]:
    """The configuration as nested plain JSON types; an own definition of the mel is in it whole."""
    values = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    return {
        name: to_dict(value) if dataclasses.is_dataclass(value) else value
        for name, value in values.items()
    }
