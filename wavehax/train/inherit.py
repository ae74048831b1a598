"""What a configuration leaves to the model that its run starts from: the generator and the mel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wavehax.checkpoint import load_model
from wavehax.config import FEATURES, ConfigError, FeatureConfig, GeneratorConfig, from_dict, to_dict
from wavehax.models.locate import model_path
from wavehax.train.config import config_from_dict
from wavehax.train.state import checkpoint_of, is_run, load_values, newest


def inherited(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a configuration with `init_from`, completed by what that model is.

    Fields of `generator` and the name in `features` that are left out are the model's. A run that
    is taken up may have lost the model that it started from. What is left out is then the run's
    own, and Trainer.resume compares the rest.

    Args:
        values: as read from a YAML file; `init_from` is not empty.

    Raises:
        ConfigError: a field that is given differs from the model's; the message names it with both
            values. Or the model's mel has no name in wavehax.config.FEATURES.
        OSError: no such run, or it cannot be read.
        ValueError: the model or checkpoint is damaged, or there is no such model.
    """
    source = values["init_from"]
    checkpoint = newest(Path(str(values.get("run_dir", ""))) / "checkpoints")
    generator, features = _of_checkpoint(checkpoint) if checkpoint else _of_start(source)
    given = values.get("generator", {})
    if not isinstance(given, Mapping):
        return dict(values)  # which from_dict refuses
    if checkpoint is None:
        _check_generator(given, generator, source)
        _check_features(values.get("features", features.name), features, source)
    completed = {"features": features.name, **values}
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
        except ConfigError:  # no value, or none that goes with theirs
            ours = given[name]
        if ours != theirs[name]:
            found = f"generator.{name}={repr(ours)[:40]}"
            raise ConfigError(f"{found}: init_from={source} has {theirs[name]!r}")


def _check_features(name: Any, features: FeatureConfig, source: str) -> None:
    """Compare the `name` in the configuration, and what it stands for, with the model's
    `features`."""
    if name != features.name:
        raise ConfigError(f"features={repr(name)[:40]}: init_from={source} has {features.name!r}")
    preset = to_dict(FEATURES[name]) if name in FEATURES else {}
    for field, theirs in to_dict(features).items():
        if preset.get(field) != theirs:
            expected = f"one of {', '.join(FEATURES)}"
            if preset:
                expected = f"{preset[field]!r}, as features={name!r}"
            found = f"init_from={source}: features.{field}={theirs!r}"
            raise ConfigError(f"{found}: expected {expected}")
