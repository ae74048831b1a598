"""What a training run is: frozen dataclasses read from a YAML file, unknown keys refused."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wavehax.config import FEATURES, ConfigError, FeatureConfig, GeneratorConfig, from_dict, to_dict


def _check_count(name: str, value: Any, least: int = 1) -> None:
    if type(value) is not int or not least <= value < 2**31:
        raise ConfigError(f"{name}={repr(value)[:40]}: expected an integer of at least {least}")


def _check_number(
    name: str, value: Any, *, positive: bool = False, below: float = math.inf, most: float = math.inf
) -> None:
    """Finite, 0 <= value < below, value <= most; with `positive` more than 0."""
    number = type(value) in (int, float) and math.isfinite(value) and 0 <= value < below and value <= most
    if not number or (positive and value == 0):
        least = "more than 0" if positive else "0 or more"
        limit = f" and below {below:g}" if below < math.inf else f" and at most {most:g}" if most < math.inf else ""
        raise ConfigError(f"{name}={repr(value)[:40]}: expected a number, {least}{limit}")


@dataclass(frozen=True)
class DataConfig:
    """Which prepared arrays, and how segments are drawn from them."""

    path: str  # prepared folder (wavehax.train.prepare), relative to where the command runs
    batch_size: int = 16  # segments
    segment_frames: int = 32  # frames of one segment
    speaker_exponent: float = 0.5  # a speaker's share is frames ** exponent; 1: as recorded, 0: all alike
    gain_db: float = 6.0  # segments are scaled by a gain drawn from [-gain_db, gain_db / 2], and half are inverted
    speed_share: float = 0.0  # of segments that are played at another speed: pitch and formants of another voice
    speed_min: float = 0.7  # slowest such speed, 1: as recorded
    speed_max: float = 1.9  # fastest; speeds are drawn uniformly on a logarithmic scale

    def __post_init__(self) -> None:
        _check_count("data.batch_size", self.batch_size)
        _check_count("data.segment_frames", self.segment_frames)
        _check_number("data.speaker_exponent", self.speaker_exponent)
        _check_number("data.gain_db", self.gain_db)
        _check_number("data.speed_share", self.speed_share, most=1)
        _check_number("data.speed_min", self.speed_min, positive=True)
        _check_number("data.speed_max", self.speed_max, positive=True)
        if self.speed_min > self.speed_max:
            raise ConfigError(f"data.speed_min={self.speed_min}: expected at most speed_max={self.speed_max}")


@dataclass(frozen=True)
class LossConfig:
    """Multi-resolution mel L1."""

    n_ffts: tuple[int, ...] = (256, 512, 1024, 2048)  # samples; hops are a quarter
    n_mels: tuple[int, ...] = (32, 64, 100, 160)  # bands of each
    floor: float = 1e-5  # magnitude

    def __post_init__(self) -> None:
        for name, least in (("n_ffts", 4), ("n_mels", 1)):
            values = getattr(self, name)
            if not isinstance(values, tuple):
                raise ConfigError(f"loss.{name}={repr(values)[:40]}: expected a list of integers")
            for value in values:
                _check_count(f"loss.{name}", value, least)
        odd = [n_fft for n_fft in self.n_ffts if n_fft % 8]
        if odd:  # a hop is a quarter, and window minus hop is padded alike on both sides
            raise ConfigError(f"loss.n_ffts={odd[0]}: expected a multiple of 8")
        _check_number("loss.floor", self.floor, positive=True)
        if len(self.n_ffts) != len(self.n_mels) or not self.n_ffts:
            raise ConfigError(f"n_ffts={self.n_ffts}, n_mels={self.n_mels}: expected as many of each, at least one")


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW with linear warm-up and a cosine to zero at `max_steps`."""

    learning_rate: float = 1e-3
    beta1: float = 0.8
    beta2: float = 0.99
    weight_decay: float = 0.0
    warmup_steps: int = 100
    max_grad_norm: float = 10.0
    ema_decay: float = 0.999  # of the averaged weights, which are the ones exported

    def __post_init__(self) -> None:
        _check_number("optimizer.learning_rate", self.learning_rate, positive=True)
        _check_number("optimizer.max_grad_norm", self.max_grad_norm, positive=True)
        _check_number("optimizer.weight_decay", self.weight_decay)
        _check_count("optimizer.warmup_steps", self.warmup_steps, 0)
        for name in ("beta1", "beta2", "ema_decay"):
            _check_number(f"optimizer.{name}", getattr(self, name), below=1)


@dataclass(frozen=True)
class TrainConfig:
    """A training run; sections are the dataclasses above."""

    run_dir: str  # checkpoint and log
    features: str  # name in wavehax.config.FEATURES
    max_steps: int
    data: DataConfig
    generator: GeneratorConfig
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    seed: int = 0
    threads: int = 2  # CPU threads
    checkpoint_minutes: float = 3.0  # between checkpoints

    def __post_init__(self) -> None:
        if self.features not in FEATURES:
            raise ConfigError(f"features={self.features!r}: expected one of {', '.join(FEATURES)}")
        for name in ("n_mels", "hop_length", "sample_rate"):
            value, expected = getattr(self.generator, name), getattr(self.feature_config, name)
            if value != expected:
                raise ConfigError(f"generator.{name}={value}: expected {expected}, as {self.features} has")
        frames, longest = self.data.segment_frames, max(self.loss.n_ffts)
        if frames * self.generator.hop_length <= longest // 2:
            raise ConfigError(f"data.segment_frames={frames}: too short for a loss window of {longest} samples")
        _check_count("max_steps", self.max_steps)
        _check_count("threads", self.threads)
        _check_count("seed", self.seed, 0)
        _check_number("checkpoint_minutes", self.checkpoint_minutes, positive=True)

    @property
    def feature_config(self) -> FeatureConfig:
        return FEATURES[self.features]


_SECTIONS = {"data": DataConfig, "generator": GeneratorConfig, "loss": LossConfig, "optimizer": OptimizerConfig}


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a YAML file; `overrides` are `key=value` or `section.key=value` with YAML values.

    Raises:
        ConfigError: an unknown or missing key, or a value that cannot be; the message names it.
        OSError: the file cannot be read.
    """
    import yaml

    try:
        values = yaml.safe_load(path.read_text())
        parsed = [(key, yaml.safe_load(text)) for key, text in map(_split_override, overrides)]
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of keys")
    for key, value in parsed:
        section, _, name = key.rpartition(".")
        target = values.setdefault(section, {}) if section else values
        if not isinstance(target, dict):
            raise ConfigError(f"{key}: {section}={repr(target)[:40]} is no section, expected a mapping of keys")
        target[name] = value
    return config_from_dict(values)


def _split_override(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or key.count(".") > 1:
        raise ConfigError(f"{text!r}: expected key=value or section.key=value")
    return key, value


def config_from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """The configuration from nested plain values; `config_to_dict` makes them."""
    sections = {name: from_dict(cls, values[name]) for name, cls in _SECTIONS.items() if name in values}
    return from_dict(TrainConfig, {**values, **sections})


def config_to_dict(config: TrainConfig) -> dict[str, Any]:
    """Nested plain JSON types."""
    values = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    return {name: to_dict(value) if name in _SECTIONS else value for name, value in values.items()}
