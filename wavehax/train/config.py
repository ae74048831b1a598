"""What a training run is: frozen dataclasses read from a YAML file, unknown keys refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wavehax.config import FEATURES, ConfigError, FeatureConfig, GeneratorConfig, from_dict, to_dict
from wavehax.config.fields import check_choice, check_count, check_number
from wavehax.data.config import DataConfig

PRECISIONS = ("fp32", "bf16")
DISCRIMINATORS = ("univnet", "light", "spectral", "log", "log_light")


@dataclass(frozen=True)
class LossConfig:
    """Spectral scores, each the mean over its resolutions (wavehax.train.losses).

    The paper's is a mel L1 of one resolution, n_ffts (1024,) with n_mels (100,).
    """

    mel_weight: float = 45.0  # of log-mels, beside the adversarial losses
    n_ffts: tuple[int, ...] = (256, 512, 1024, 2048)  # samples; hops are a quarter
    n_mels: tuple[int, ...] = (32, 64, 100, 160)  # bands of each
    floor: float = 1e-5  # magnitude
    log_weight: float = 0.0  # of log magnitudes of single bins
    log_n_ffts: tuple[int, ...] = ()  # samples; hops are a quarter
    repulsion: float = 0.0  # 1: two outputs a segment must differ as recordings do; 0: one output
    repulsion_from: float = 0.0  # Hz, the lowest band in which they must
    unvoiced_weight: float = 0.0  # of complex spectra without a voice, from repulsion_from on
    unvoiced_n_ffts: tuple[int, ...] = ()  # samples; hops are a quarter

    def __post_init__(self) -> None:
        windows = (("n_ffts", 4), ("n_mels", 1), ("log_n_ffts", 4), ("unvoiced_n_ffts", 4))
        for name, least in windows:
            values = getattr(self, name)
            if not isinstance(values, tuple):
                raise ConfigError(f"loss.{name}={repr(values)[:40]}: expected a list of integers")
            for value in values:
                check_count(f"loss.{name}", value, least)
        odd = [n_fft for n_fft in self.n_ffts if n_fft % 8]
        if odd:  # a hop is a quarter, and window minus hop is padded alike on both sides
            raise ConfigError(f"loss.n_ffts={odd[0]}: expected a multiple of 8")
        check_number("loss.mel_weight", self.mel_weight, positive=True)
        check_number("loss.floor", self.floor, positive=True)
        check_number("loss.log_weight", self.log_weight)
        check_number("loss.unvoiced_weight", self.unvoiced_weight)
        check_number("loss.repulsion", self.repulsion, most=1)
        check_number("loss.repulsion_from", self.repulsion_from)
        if len(self.n_ffts) != len(self.n_mels) or not self.n_ffts:
            raise ConfigError(
                f"n_ffts={self.n_ffts}, n_mels={self.n_mels}:"
                " expected as many of each, at least one"
            )
        for name in ("log", "unvoiced"):
            weight, n_ffts = getattr(self, f"{name}_weight"), getattr(self, f"{name}_n_ffts")
            if bool(weight) != bool(n_ffts):
                raise ConfigError(
                    f"loss.{name}_weight={weight}, {name}_n_ffts={n_ffts}: expected both or none"
                )
        if self.unvoiced_weight and not self.repulsion:
            raise ConfigError(
                "loss.unvoiced_weight: expected 0 without loss.repulsion, it needs two outputs"
            )


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW of the generator, with linear warm-up and a cosine to zero at `max_steps`."""

    learning_rate: float = 1e-3
    beta1: float = 0.8
    beta2: float = 0.99
    weight_decay: float = 0.0
    warmup_steps: int = 100
    max_grad_norm: float = 10.0  # of the weighted sum of losses
    ema_decay: float = 0.999  # of the averaged weights, which are the ones exported

    def __post_init__(self) -> None:
        check_number("optimizer.learning_rate", self.learning_rate, positive=True)
        check_number("optimizer.max_grad_norm", self.max_grad_norm, positive=True)
        check_number("optimizer.weight_decay", self.weight_decay)
        check_count("optimizer.warmup_steps", self.warmup_steps, 0)
        for name in ("beta1", "beta2", "ema_decay"):
            check_number(f"optimizer.{name}", getattr(self, name), below=1)


@dataclass(frozen=True)
class AdversaryConfig:
    """The discriminators, their losses and their AdamW; without this section a run has spectral
    losses alone."""

    discriminator: str = "light"  # a preset of wavehax.nn.discriminators.DiscriminatorConfig
    init_from: str = ""  # a run or a checkpoint whose discriminators these start from
    from_hz: float = 0.0  # the lowest frequency that discriminators `log` see; others see all
    loss: str = "hinge"  # or "least_squares"
    start_step: int = 0  # until then spectral losses alone
    alone_steps: int = 0  # from then on the discriminators learn and the generator stands still
    ramp_steps: int = 0  # after that, over which both weights below grow from 0
    adversarial_weight: float = 1.0
    feature_weight: float = 2.0  # of feature matching
    normalize_features: bool = False  # each map's difference relative to the map's mean magnitude
    learning_rate: float = 2e-4  # cosine to zero at `max_steps`
    # share of right judgements from which on the rate falls; 1: it never does
    win_rate: float = 1.0
    beta1: float = 0.8
    beta2: float = 0.99
    max_grad_norm: float = 10.0
    # of the discriminators; "bf16" pays on GPUs, and on CPUs that have matrix units for it
    precision: str = "fp32"

    def __post_init__(self) -> None:
        check_choice("adversary.discriminator", self.discriminator, DISCRIMINATORS)
        check_number("adversary.from_hz", self.from_hz)
        if self.from_hz and self.discriminator != "log":
            raise ConfigError(
                f"adversary.from_hz={self.from_hz}: expected 0"
                f" for discriminator {self.discriminator}"
            )
        check_choice("adversary.loss", self.loss, ("hinge", "least_squares"))
        check_choice("adversary.precision", self.precision, PRECISIONS)
        check_count("adversary.start_step", self.start_step, 0)
        check_count("adversary.alone_steps", self.alone_steps, 0)
        check_count("adversary.ramp_steps", self.ramp_steps, 0)
        check_number("adversary.win_rate", self.win_rate, positive=True, most=1)
        check_number("adversary.adversarial_weight", self.adversarial_weight)
        check_number("adversary.feature_weight", self.feature_weight)
        check_number("adversary.learning_rate", self.learning_rate, positive=True)
        check_number("adversary.max_grad_norm", self.max_grad_norm, positive=True)
        for name in ("beta1", "beta2"):
            check_number(f"adversary.{name}", getattr(self, name), below=1)


@dataclass(frozen=True)
class MonitorConfig:
    """What a run tells while it goes on; TensorBoard reads it from the run_dir."""

    every_steps: int = 1000  # between samples; 0: none
    # a prepared folder of held-out recordings; empty: samples are of training segments
    validation: str = ""
    # synthesised each time, of 3 s, or of the longest utterance where that is shorter
    segments: int = 4

    def __post_init__(self) -> None:
        check_count("monitor.every_steps", self.every_steps, 0)
        check_count("monitor.segments", self.segments)


@dataclass(frozen=True)
class TrainConfig:
    """A training run; sections are the dataclasses above."""

    run_dir: str  # checkpoints, log and TensorBoard events
    features: str  # name in wavehax.config.FEATURES
    max_steps: int
    data: DataConfig
    generator: GeneratorConfig
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    adversary: AdversaryConfig | None = None
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    # a model (file, shipped name, ...) or another run, whose averaged weights are the first ones
    init_from: str = ""
    precision: str = "fp32"  # of the generator; "bf16": matrix products and convolutions, for GPUs
    # parts in which a batch passes, for less memory (batch norm then sees a part at a time)
    accumulate: int = 1
    accelerator: str = "auto"  # "cpu", "cuda" or what there is
    devices: int = 1  # processes on this machine, each with a GPU or with CPU threads of its own
    num_nodes: int = 1  # machines
    seed: int = 0
    threads: int = 2  # CPU threads of each process
    checkpoint_minutes: float = 3.0  # between checkpoints
    keep_checkpoints: int = 2  # the newest ones

    def __post_init__(self) -> None:
        if self.features not in FEATURES:
            raise ConfigError(f"features={self.features!r}: expected one of {', '.join(FEATURES)}")
        for name in ("n_mels", "hop_length", "sample_rate"):
            value, expected = getattr(self.generator, name), getattr(self.feature_config, name)
            if value != expected:
                raise ConfigError(
                    f"generator.{name}={value}: expected {expected}, as {self.features} has"
                )
        self._check_windows()
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("accelerator", self.accelerator, ("auto", "cpu", "cuda"))
        for name in ("max_steps", "accumulate", "devices", "num_nodes", "keep_checkpoints"):
            check_count(name, getattr(self, name))
        if self.adversary and self.adversary.start_step >= self.max_steps:
            raise ConfigError(
                f"adversary.start_step={self.adversary.start_step}: expected below"
                f" max_steps={self.max_steps}"
            )
        if self.adversary and self.adversary.from_hz >= self.generator.sample_rate / 2:
            raise ConfigError(
                f"adversary.from_hz={self.adversary.from_hz}: expected below half the sample rate"
            )
        alone = self.adversary.start_step + self.adversary.alone_steps if self.adversary else 0
        if alone >= self.max_steps:
            raise ConfigError(
                f"adversary.alone_steps={self.adversary.alone_steps}: no step is left for the"
                " generator;"
                f" expected start_step + alone_steps below max_steps={self.max_steps}"
            )
        parts = self.devices * self.num_nodes * self.accumulate
        if self.data.batch_size % parts:
            raise ConfigError(
                f"data.batch_size={self.data.batch_size}: expected a multiple of {parts}"
                " (devices * num_nodes * accumulate)"
            )
        check_count("threads", self.threads)
        check_count("seed", self.seed, 0)
        check_number("checkpoint_minutes", self.checkpoint_minutes, positive=True)

    def _check_windows(self) -> None:
        """Whether the losses' windows fit into what they hear of a segment."""
        frames, shift = self.data.segment_frames, self.data.shift_samples
        heard = frames * self.generator.hop_length - shift
        longest = max(self.loss.n_ffts)
        inside = max((*self.loss.log_n_ffts, *self.loss.unvoiced_n_ffts), default=0)
        if heard <= longest // 2 or heard < inside:
            what = f"data.segment_frames={frames}" + (f", shift_samples={shift}" if shift else "")
            raise ConfigError(
                f"{what}: too short for a loss window of {max(longest, inside)} samples"
            )

    @property
    def feature_config(self) -> FeatureConfig:
        return FEATURES[self.features]

    @property
    def outputs(self) -> int:
        """Outputs made of each segment in a step."""
        return 2 if self.loss.repulsion else 1


_SECTIONS = {
    "data": DataConfig,
    "generator": GeneratorConfig,
    "loss": LossConfig,
    "optimizer": OptimizerConfig,
    "adversary": AdversaryConfig,
    "monitor": MonitorConfig,
}


def config_from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """The configuration from nested plain values; `config_to_dict` makes them. A run without an
    adversary has None."""
    given = {
        name: values[name]
        for name in _SECTIONS
        if name in values and (name, values[name]) != ("adversary", None)
    }
    sections = {name: from_dict(_SECTIONS[name], value) for name, value in given.items()}
    return from_dict(TrainConfig, {**values, **sections})


def config_to_dict(config: TrainConfig) -> dict[str, Any]:
    """Nested plain JSON types."""
    values = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    return {
        name: to_dict(value) if name in _SECTIONS and value else value
        for name, value in values.items()
    }
