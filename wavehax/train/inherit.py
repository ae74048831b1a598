"""Completes a configuration with the generator and mel of the model that its run starts from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wavehax.checkpoint import load_model
from wavehax.config import FEATURES, ConfigError, FeatureConfig, GeneratorConfig, from_dict, to_dict
from wavehax.models.locate import model_path
from wavehax.train.state import checkpoint_of, is_run, load_values, newest
from wavehax.train.values import config_from_dict, read_features


def inherited(values: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the values of a configuration with those of the model in `init_from`.

    Fields of `generator` and the name in `features`, where they are left out, are the model's. A
    run that is taken up has them in its checkpoint, and may have lost the model that it started
    from. They are then read from the checkpoint, and Trainer.resume compares the rest.

    Args:
        values: as read from a YAML file; `init_from` is not empty.

    Raises:
        ConfigError: a field that is given differs from the model's, and the message names it with
            both values; or the model's mel has the name of another definition.
        OSError: there is no such run, or it cannot be read.
        ValueError: the model or checkpoint is damaged, or there is no such model.
    """
    source = values["init_from"]
    checkpoint = newest(Path(str(values.get("run_dir", ""))) / "checkpoints")
    generator, features = _of_checkpoint(checkpoint) if checkpoint else _of_start(source)
    given = values.get("generator", {})
    if not isinstance(given, Mapping):
        return dict(values)  # from_dict will refuse them
    if checkpoint is None:
        _check_generator(given, generator, source)
        _check_features(values.get("features", features.name), features, source)
    preset = FEATURES.get(features.name) == features
    completed = {"features": features.name if preset else to_dict(features), **values}
    return {**completed, "generator": {**to_dict(generator), **given}}


def _of_start(source: str) -> tuple[GeneratorConfig, FeatureConfig]:
    if is_run(source):
        return _of_checkpoint(checkpoint_of(Path(source)))
    model = load_model(model_path(source))
    return model.generator, model.features


def _of_checkpoint(checkpoint: Path) -> tuple[GeneratorConfig, FeatureConfig]:
    try:
        config = config_from_dict(load_values(checkpoint)["config"])
    except KeyError as error:
        raise ValueError(f"{checkpoint}: damaged, or no training checkpoint") from error
    except ConfigError as error:
        raise ValueError(f"{checkpoint}: {error}") from error
    return config.generator, config.feature_config


def _check_generator(given: Mapping[str, Any], generator: GeneratorConfig, source: str) -> None:
    theirs = to_dict(generator)
    for name in [name for name in theirs if name in given]:
        try:  # a kernel may be given as one number, an outer norm as ""
            ours = to_dict(from_dict(GeneratorConfig, {**theirs, name: given[name]}))[name]
        except ConfigError:  # not a value of this field, or not one beside the model's others
            ours = given[name]
        if ours != theirs[name]:
            found = f"generator.{name}={repr(ours)[:40]}"
            raise ConfigError(f"{found}: init_from={source} has {theirs[name]!r}")


def _check_features(given: Any, features: FeatureConfig, source: str) -> None:
    """Compare the mel that the configuration gives, or the preset of its name, with the model's."""
    read = given if given == features.name else read_features(given)
    name = read.name if isinstance(read, FeatureConfig) else read
    if name != features.name:
        raise ConfigError(f"features={repr(name)[:40]}: init_from={source} has {features.name!r}")
    definition = read if isinstance(read, FeatureConfig) else FEATURES.get(name, features)
    for field in (field.name for field in dataclasses.fields(features)):
        ours, theirs = getattr(definition, field), getattr(features, field)
        if ours != theirs:
            found = f"init_from={source}: features.{field}={theirs!r}"
            raise ConfigError(f"{found}: expected {ours!r}, as features={name!r}")
