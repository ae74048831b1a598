"""The configuration of a training run: frozen dataclasses read from a YAML file.

Unknown keys are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wavehax.config import FEATURES, ConfigError, FeatureConfig, GeneratorConfig
from wavehax.config.fields import check_choice, check_count, check_number
from wavehax.data.config import DataConfig

PRECISIONS = ("fp32", "bf16")
DISCRIMINATORS = ("univnet", "light", "spectral", "log", "log_light")


@dataclass(frozen=True)
class LossConfig:
    """Spectral scores, each the mean over its resolutions (wavehax.train.losses).

    The paper has a mel L1 of one resolution, n_ffts (1024,) with n_mels (100,). Each hop is a
    quarter of its window.
    """

    mel_weight: float = 45.0  # weight of the score of log-mels; adversarial losses have about 1
    n_ffts: tuple[int, ...] = (256, 512, 1024, 2048)  # samples, the windows of the mels
    n_mels: tuple[int, ...] = (32, 64, 100, 160)  # bands of the mel with each window
    floor: float = 1e-5  # least magnitude in a mel
    log_weight: float = 0.0  # weight of the score of log magnitudes of single bins
    log_n_ffts: tuple[int, ...] = ()  # samples, its windows
    log_from: float = 0.0  # Hz, the lowest bin that it compares
    repulsion: float = 0.0  # 1: two outputs a segment must differ as recordings do; 0: one output
    repulsion_from: float = 0.0  # Hz, the lowest band in which they must in voiced sound
    low_weight: float = 1.0  # weight of the mel bands below repulsion_from
    unvoiced_weight: float = 0.0  # weight of the score of complex unvoiced spectra
    unvoiced_n_ffts: tuple[int, ...] = ()  # samples, its windows

    def __post_init__(self) -> None:
        windows = (("n_ffts", 4), ("n_mels", 1), ("log_n_ffts", 4), ("unvoiced_n_ffts", 4))
        for name, least in windows:
            values = getattr(self, name)
            if not isinstance(values, tuple):
                raise ConfigError(f"loss.{name}={repr(values)[:40]}: expected a list of integers")
            for value in values:
                check_count(f"loss.{name}", value, least)
        odd = [n_fft for n_fft in self.n_ffts if n_fft % 8]
        if odd:  # half of window minus hop, which is 3/8 of the window, is padded on either side
            raise ConfigError(f"loss.n_ffts={odd[0]}: expected a multiple of 8")
        check_number("loss.mel_weight", self.mel_weight, positive=True)
        check_number("loss.floor", self.floor, positive=True)
        check_number("loss.log_weight", self.log_weight)
        check_number("loss.log_from", self.log_from)
        check_number("loss.low_weight", self.low_weight, positive=True)
        check_number("loss.unvoiced_weight", self.unvoiced_weight)
        check_number("loss.repulsion", self.repulsion, most=1)
        check_number("loss.repulsion_from", self.repulsion_from)
        if len(self.n_ffts) != len(self.n_mels) or not self.n_ffts:
            raise ConfigError(
                f"n_ffts={self.n_ffts}, n_mels={self.n_mels}:"
                " expected equally many of each, at least one"
            )
        for name in ("log", "unvoiced"):
            weight, n_ffts = getattr(self, f"{name}_weight"), getattr(self, f"{name}_n_ffts")
            if bool(weight) != bool(n_ffts):
                raise ConfigError(
                    f"loss.{name}_weight={weight}, {name}_n_ffts={n_ffts}: expected both or none"
                )
        if self.log_from and not self.log_weight:
            raise ConfigError(f"loss.log_from={self.log_from}: expected 0 without loss.log_weight")
        if self.unvoiced_weight and not self.repulsion:
            raise ConfigError(
                "loss.unvoiced_weight: expected 0 without loss.repulsion, as it needs two outputs"
            )


@dataclass(frozen=True)
class TeacherConfig:
    """A trained generator, whose outputs the run's generator learns to repeat.

    Without this section a run learns from recordings alone (wavehax.train.teacher).
    """

    model: str  # a model as `wavehax.load` takes it, with the mel and the prior of the run
    weight: float = 20.0  # weight of the score of complex spectra
    n_ffts: tuple[int, ...] = (512,)  # samples, the windows of the spectra

    def __post_init__(self) -> None:
        check_number("teacher.weight", self.weight, positive=True)
        if not isinstance(self.n_ffts, tuple) or not self.n_ffts:
            found = repr(self.n_ffts)[:40]
            raise ConfigError(f"teacher.n_ffts={found}: expected a list of integers")
        for value in self.n_ffts:
            check_count("teacher.n_ffts", value, 4)


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW for the generator, with linear warm-up and a cosine to zero at `max_steps`."""

    learning_rate: float = 1e-3
    beta1: float = 0.8
    beta2: float = 0.99
    weight_decay: float = 0.0
    warmup_steps: int = 100
    max_grad_norm: float = 10.0  # greatest norm of the gradient of the weighted sum of losses
    ema_decay: float = 0.999  # decay a step of the averaged weights, which are exported

    def __post_init__(self) -> None:
        check_number("optimizer.learning_rate", self.learning_rate, positive=True)
        check_number("optimizer.max_grad_norm", self.max_grad_norm, positive=True)
        check_number("optimizer.weight_decay", self.weight_decay)
        check_count("optimizer.warmup_steps", self.warmup_steps, 0)
        for name in ("beta1", "beta2", "ema_decay"):
            check_number(f"optimizer.{name}", getattr(self, name), below=1)


@dataclass(frozen=True)
class AdversaryConfig:
    """The discriminators, their losses and their AdamW.

    Without this section a run has spectral losses alone.
    """

    discriminator: str = "light"  # a preset of wavehax.nn.discriminators.DiscriminatorConfig
    init_from: str = ""  # a run or checkpoint, with whose discriminators these start
    from_hz: float = 0.0  # the lowest frequency that the discriminators `log` see
    loss: str = "hinge"  # or "least_squares"
    start_step: int = 0  # the first step with discriminators; until then spectral losses alone
    alone_steps: int = 0  # steps from start_step on in which the generator stands still
    ramp_steps: int = 0  # steps after those in which both weights below grow from 0
    adversarial_weight: float = 1.0
    feature_weight: float = 2.0  # weight of feature matching
    normalize_features: bool = False  # each map's difference relative to the map's mean magnitude
    learning_rate: float = 2e-4  # cosine to zero at `max_steps`
    # Share of right judgements of the discriminators above which their learning rate falls; 1: it
    # never does.
    win_rate: float = 1.0
    beta1: float = 0.8
    beta2: float = 0.99
    max_grad_norm: float = 10.0
    # Precision of the discriminators; "bf16" pays on GPUs, and on CPUs with matrix units for it.
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
    """Samples for TensorBoard while a run goes on; it reads them from the run_dir."""

    every_steps: int = 1000  # steps between samples; 0: none
    # A prepared folder of held-out recordings; if empty, samples are of training segments.
    validation: str = ""
    # Segments synthesised each time, of 3 s, or of the longest utterance where that is shorter.
    segments: int = 4

    def __post_init__(self) -> None:
        check_count("monitor.every_steps", self.every_steps, 0)
        check_count("monitor.segments", self.segments)


@dataclass(frozen=True)
class TrainConfig:
    """A training run; sections are the dataclasses above."""

    run_dir: str  # checkpoints, log and TensorBoard events
    # Definition of the mel: a name in wavehax.config.FEATURES, or the definition itself. A file
    # may give the path of a YAML file, or the fields.
    features: str | FeatureConfig
    max_steps: int
    data: DataConfig
    generator: GeneratorConfig
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    adversary: AdversaryConfig | None = None
    teacher: TeacherConfig | None = None
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    # A model (file, shipped name, ...) or another run, with whose averaged weights this one starts.
    init_from: str = ""
    # Precision of the generator; "bf16": that of matrix products and convolutions, for GPUs.
    precision: str = "fp32"
    # Parts in which a batch passes, for less memory. Batch norm then sees one part at a time.
    accumulate: int = 1
    accelerator: str = "auto"  # "cpu", "cuda", or "auto" for a GPU if there is one
    devices: int = 1  # processes on this machine, each with a GPU or with CPU threads of its own
    num_nodes: int = 1  # machines
    seed: int = 0
    threads: int = 2  # CPU threads of each process
    checkpoint_minutes: float = 3.0  # minutes between checkpoints
    keep_checkpoints: int = 2  # how many checkpoints stay, the newest ones

    def __post_init__(self) -> None:
        if isinstance(self.features, str) and self.features not in FEATURES:
            raise ConfigError(
                f"features={self.features!r}: expected one of {', '.join(FEATURES)}, or a YAML file"
            )
        for name in ("n_mels", "hop_length", "sample_rate"):
            features = self.feature_config
            value, expected = getattr(self.generator, name), getattr(features, name)
            if value != expected:
                raise ConfigError(
                    f"generator.{name}={value}: expected {expected}, as {features.name} has"
                )
        self._check_windows()
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("accelerator", self.accelerator, ("auto", "cpu", "cuda"))
        for name in ("max_steps", "accumulate", "devices", "num_nodes", "keep_checkpoints"):
            check_count(name, getattr(self, name))
        if self.adversary:
            self._check_adversary(self.adversary)
        parts = self.devices * self.num_nodes * self.accumulate
        if self.data.batch_size % parts:
            raise ConfigError(
                f"data.batch_size={self.data.batch_size}: expected a multiple of {parts}"
                " (devices * num_nodes * accumulate)"
            )
        check_count("threads", self.threads)
        check_count("seed", self.seed, 0)
        check_number("checkpoint_minutes", self.checkpoint_minutes, positive=True)

    def _check_adversary(self, adversary: AdversaryConfig) -> None:
        if adversary.start_step >= self.max_steps:
            raise ConfigError(
                f"adversary.start_step={adversary.start_step}: expected below"
                f" max_steps={self.max_steps}"
            )
        if adversary.from_hz >= self.generator.sample_rate / 2:
            raise ConfigError(
                f"adversary.from_hz={adversary.from_hz}: expected below half the sample rate"
            )
        if adversary.start_step + adversary.alone_steps >= self.max_steps:
            raise ConfigError(
                f"adversary.alone_steps={adversary.alone_steps}: no step is left for the generator;"
                f" expected start_step + alone_steps below max_steps={self.max_steps}"
            )

    def _check_windows(self) -> None:
        """Raise ConfigError unless the losses' windows fit into the samples that they hear."""
        frames, shift = self.data.segment_frames, self.data.shift_samples
        heard = frames * self.generator.hop_length - shift
        longest = max(self.loss.n_ffts)
        taught = self.teacher.n_ffts if self.teacher else ()
        inside = max((*self.loss.log_n_ffts, *self.loss.unvoiced_n_ffts, *taught), default=0)
        if heard <= longest // 2 or heard < inside:
            what = f"data.segment_frames={frames}" + (f", shift_samples={shift}" if shift else "")
            raise ConfigError(
                f"{what}: too short for a loss window of {max(longest, inside)} samples"
            )

    @property
    def feature_config(self) -> FeatureConfig:
        return FEATURES[self.features] if isinstance(self.features, str) else self.features

    @property
    def outputs(self) -> int:
        """Outputs made of each segment in a step."""
        return 2 if self.loss.repulsion else 1
