"""What a model is: frozen dataclasses with a unit on every field, and the tensors that follow from them.

Standard library only: the engine's Python side, the trainer and the tools all read this file and need nothing for it.
Section numbers refer to the Wavehax paper (arXiv 2411.06807) and MS-Wavehax (arXiv 2506.03554) where named.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

PRIORS = ("pcph", "pcph_linear_decay", "sine", "sawtooth", "noise")
NORMS = ("utterance", "frame", "batch")
TIME_PADDINGS = ("reflect", "causal")
OUTPUTS = ("spectrum", "excitation")
FRAME_ALIGNMENTS = ("same", "centre")
STREAM_FILTERS = ("learned", "pqmf", "dwt")

PROJECTION_TAPS = 7
"""Kernel length, in frames, of `prior_proj` and `cond_proj`."""
FILTER_TAPS = 63
"""Taps of the analysis and synthesis filters of a multi-stream generator (`dwt` has num_streams taps)."""
MAX_EXPANDED = 1024
"""Largest channels * mult_channels: of more, a few bins would leave the first-level cache."""
MAX_VOICE = 1 << 27
"""Most float32 values, 512 MB, that a voice may keep: a few weights can ask for a ring of any length."""
NORM_EPSILON = 1e-6
"""Added to the variance by every norm."""
PRIOR_RMS = {
    "pcph": 0.1,
    "pcph_linear_decay": 0.1,
    "sine": math.sqrt(1 / 2),
    "sawtooth": math.sqrt(1 / 3),
    "noise": 1.0,
}
"""RMS of a prior where voiced, whatever the F0, its noise left out."""
NOISE_STD = {"pcph": 0.01, "pcph_linear_decay": 0.01, "sine": 0.03, "sawtooth": 0.03, "noise": 1.0}
"""Standard deviation of the gaussian noise in a prior."""
MAX_MAGNITUDE = 100.0
"""Largest magnitude that the log-magnitude variant can put out."""
FLOOR_TOLERANCE = 1e-4
"""What log-magnitudes at the floor of a definition may lie above it: float32 logarithms differ in their last bits."""
MIN_POWER = 1e-10
"""Floor of the squared magnitude that the log-magnitude variant takes in."""


class ConfigError(ValueError):
    """A configuration that names no model; the message names the field, its value and what was expected."""


def _check_sizes(config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if type(value) is not int or not 0 < value < 2**31:  # the engine's int
            raise ConfigError(f"{name}={repr(value)[:40]}: expected a positive integer below 2**31")


def _check_choice(config: Any, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(config, name)
    if value not in choices:
        raise ConfigError(f"{name}={value!r}: expected one of {', '.join(choices)}")


@dataclass(frozen=True)
class FeatureConfig:
    """The definition of a log-mel-spectrogram, stored in every model file so that another can be refused by name."""

    name: str
    sample_rate: int  # Hz
    hop_length: int  # samples between frames
    n_fft: int  # samples; the Hann window is as long
    n_mels: int  # bands
    f_min: float  # Hz, lower edge of the first band
    f_max: float  # Hz, upper edge of the last band
    mel_scale: str  # "slaney" or "htk"
    mel_norm: str  # "slaney" (unit area) or "none" (unit peak)
    padding: str  # "same": zeros, (n_fft - hop) / 2 a side, N // hop frames; "centre": reflect, n_fft / 2, N // hop + 1
    log_floor: float  # magnitude below which the natural logarithm is clipped

    def __post_init__(self) -> None:
        _check_sizes(self, "sample_rate", "hop_length", "n_fft", "n_mels")
        if not (math.isfinite(self.log_floor) and self.log_floor > 0):
            raise ConfigError(f"log_floor={self.log_floor}: expected a positive magnitude")
        _check_choice(self, "mel_scale", ("slaney", "htk"))
        _check_choice(self, "mel_norm", ("slaney", "none"))
        _check_choice(self, "padding", ("same", "centre"))
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise ConfigError(f"f_min={self.f_min}, f_max={self.f_max}: expected 0 <= f_min < f_max <= rate / 2")
        if self.n_fft < self.hop_length or (self.n_fft - self.hop_length) % 2:
            raise ConfigError(f"n_fft={self.n_fft}: expected hop_length={self.hop_length} plus an even number")


@dataclass(frozen=True)
class GeneratorConfig:
    """The shape of a generator (DESIGN section 2; paper section III; `num_streams` > 1 is MS-Wavehax)."""

    n_mels: int = 100  # bands of the conditioning mel
    channels: int = 32  # hidden channels, C
    mult_channels: int = 2  # expansion inside a block
    kernel_size: tuple[int, int] = (7, 7)  # depthwise kernel: (bins, frames), both odd
    num_blocks: int = 8
    n_fft: int = 480  # samples (of one stream)
    hop_length: int = 240  # samples of the full-band waveform between frames
    sample_rate: int = 24000  # Hz
    prior: str = "pcph"
    norm: str = "utterance"  # of the blocks
    outer_norm: str = ""  # of input_norm and output_norm; empty: as `norm` (official batch-norm models differ here)
    time_padding: str = "reflect"
    lookahead: int = 0  # frames that the first projections look ahead, with causal padding
    frame_alignment: str = "same"  # mel and F0 frame t describe hop t ("same"), or its first sample ("centre")
    use_logmag_phase: bool = False  # log-magnitude and phase in place of real and imaginary parts
    output: str = "spectrum"  # what the network's output means
    num_streams: int = 1  # 1: Wavehax; more: MS-Wavehax
    stream_filter: str = "learned"  # filter bank of a multi-stream generator

    def __post_init__(self) -> None:
        kernel = self.kernel_size
        if isinstance(kernel, int):  # square, as in the authors' configurations
            kernel = (kernel, kernel)
        object.__setattr__(self, "kernel_size", tuple(kernel) if isinstance(kernel, list) else kernel)
        object.__setattr__(self, "outer_norm", self.outer_norm or self.norm)
        _check_sizes(
            self,
            *("n_mels", "channels", "mult_channels", "num_blocks"),
            *("n_fft", "hop_length", "sample_rate", "num_streams"),
        )
        _check_choice(self, "prior", PRIORS)
        _check_choice(self, "norm", NORMS)
        _check_choice(self, "outer_norm", NORMS)
        _check_choice(self, "time_padding", TIME_PADDINGS)
        _check_choice(self, "frame_alignment", FRAME_ALIGNMENTS)
        _check_choice(self, "output", OUTPUTS)
        _check_choice(self, "stream_filter", STREAM_FILTERS)
        self._check_kernel()
        self._check_frames()
        self._check_combinations()
        self._check_voice()

    def _check_kernel(self) -> None:
        kernel = self.kernel_size
        pair = isinstance(kernel, tuple) and len(kernel) == 2
        if not pair or any(type(k) is not int or not 0 < k < 2**31 or k % 2 == 0 for k in kernel):
            raise ConfigError(f"kernel_size={repr(kernel)[:40]}: expected two odd positive integers (bins, frames)")
        if self.kernel_size[0] // 2 >= self.num_bins:
            raise ConfigError(f"kernel_size[0]={self.kernel_size[0]}: expected fewer than {2 * self.num_bins} bins")

    def _check_frames(self) -> None:
        if self.hop_length % self.num_streams:
            raise ConfigError(f"hop_length={self.hop_length}: expected a multiple of num_streams={self.num_streams}")
        if self.n_fft % 2 or self.stream_hop % 2 or self.n_fft < 2 * self.stream_hop:
            raise ConfigError(
                f"n_fft={self.n_fft}: expected an even number of at least twice the hop of one stream,"
                f" which is even too ({self.stream_hop})"
            )

    def _check_combinations(self) -> None:
        if self.channels * self.mult_channels > MAX_EXPANDED:
            raise ConfigError(f"channels={self.channels}: expected channels * mult_channels of at most {MAX_EXPANDED}")
        if type(self.use_logmag_phase) is not bool:
            raise ConfigError(f"use_logmag_phase={self.use_logmag_phase!r}: expected True or False")
        if type(self.lookahead) is not int or not 0 <= self.lookahead < PROJECTION_TAPS:
            raise ConfigError(f"lookahead={self.lookahead!r}: expected 0 to {PROJECTION_TAPS - 1} frames")
        if self.lookahead and self.time_padding != "causal":
            raise ConfigError(f"lookahead={self.lookahead}: only with time_padding='causal'")
        if self.output == "excitation" and (self.num_streams > 1 or self.use_logmag_phase):
            raise ConfigError("output='excitation': expected one stream and use_logmag_phase=False")
        if self.num_streams > 1 and self.use_logmag_phase:
            raise ConfigError("use_logmag_phase=True: expected one stream")
        if self.num_streams > 1 and self.stream_filter == "dwt" and self.num_streams & (self.num_streams - 1):
            raise ConfigError(f"num_streams={self.num_streams}: a wavelet packet needs a power of two")

    def _check_voice(self) -> None:
        bins, frames = self.kernel_size
        values = self.voice_values
        if values > MAX_VOICE:
            raise ConfigError(
                f"kernel_size={[bins, frames]} in {self.num_blocks} blocks of {self.channels} channels and"
                f" {self.num_bins} bins: a voice would keep {values} values, expected at most {MAX_VOICE}"
            )

    @property
    def voice_values(self) -> int:
        """Float32 values that a voice keeps at most, in any precision; csrc/engine.cpp says the same."""
        bins, frames = self.kernel_size  # a block mirrors `bins` of the spectrum, and keeps `frames` of it and a tile
        row = (3 * self.num_bins + 2 * bins + 106) * (self.channels + 15) // 2
        frame = row + (2 * self.num_streams + 1) * (self.num_bins + 15) + self.n_mels + 15
        return ((self.num_blocks + 1) * (frames + 16) + self.n_fft // self.stream_hop) * frame

    @property
    def num_bins(self) -> int:
        """Frequency bins of one stream, F."""
        return self.n_fft // 2 + 1

    @property
    def stream_hop(self) -> int:
        """Hop of one stream, in its own samples."""
        return self.hop_length // self.num_streams

    @property
    def streamable(self) -> bool:
        """Whether the model can be computed frame by frame: no norm needs the whole utterance."""
        return "utterance" not in (self.norm, self.outer_norm)


@dataclass(frozen=True)
class F0Config:
    """The shape of a predictor of F0 from the mel (DESIGN section 3), which a model file may hold too."""

    channels: int = 128
    num_blocks: int = 3  # of which number i is dilated by 2**i frames
    kernel_size: int = 3  # frames
    num_bins: int = 207  # of pitch
    f0_min: float = 55.0  # Hz, the lowest bin
    bin_cents: float = 25.0  # from one bin to the next

    def __post_init__(self) -> None:
        for name, largest in _F0_LARGEST.items():
            value = getattr(self, name)
            if type(value) is not int or not 0 < value <= largest:
                raise ConfigError(f"{name}={repr(value)[:40]}: expected an integer, 1 to {largest}")
        for name in ("f0_min", "bin_cents"):
            value = getattr(self, name)
            if not 1 <= value <= 1000:
                raise ConfigError(f"{name}={value}: expected 1 to 1000")
        if math.log2(self.f0_min) + (self.num_bins - 1) * self.bin_cents / 1200 > math.log2(_F0_HIGHEST):
            raise ConfigError(f"num_bins={self.num_bins}: expected bins up to {_F0_HIGHEST} Hz at most")

    @property
    def f0_max(self) -> float:
        """The highest bin, Hz."""
        return self.f0_min * 2 ** ((self.num_bins - 1) * self.bin_cents / 1200)


F0_PEAK_BINS = 4
"""Bins to either side of the likeliest one over which F0 is averaged: a semitone at 25 cents a bin."""
_F0_LARGEST = {"channels": 4096, "num_blocks": 10, "kernel_size": 64, "num_bins": 4096}
_F0_HIGHEST = 10_000  # Hz

FEATURES = {
    "wavehax-24k": FeatureConfig("wavehax-24k", 24000, 240, 1024, 100, 0.0, 8000.0, "slaney", "slaney", "same", 1e-5),
    "wavehax-48k": FeatureConfig("wavehax-48k", 48000, 480, 2048, 100, 0.0, 24000.0, "slaney", "slaney", "same", 1e-5),
    "vocos-24k": FeatureConfig("vocos-24k", 24000, 256, 1024, 100, 0.0, 12000.0, "htk", "none", "centre", 1e-7),
    "hifigan-22k": FeatureConfig("hifigan-22k", 22050, 256, 1024, 80, 0.0, 8000.0, "slaney", "slaney", "same", 1e-5),
    "nsf-hifigan-44k": FeatureConfig(
        "nsf-hifigan-44k", 44100, 512, 2048, 128, 40.0, 16000.0, "slaney", "slaney", "same", log_floor=1e-5
    ),
}
"""Feature definitions by name (DESIGN section 3). `hifigan-22k` is that of HiFi-GAN and Matcha-TTS, `nsf-hifigan-44k`
that of DiffSinger and its relatives, but for the first and last two frames: they reflect the recording at its ends,
where this has zeros."""

GENERATORS = {
    "wavehax.v1": GeneratorConfig(),
    "wavehax.v2": GeneratorConfig(channels=16, mult_channels=3, kernel_size=(13, 7)),
    "wavehax_fb": GeneratorConfig(kernel_size=(15, 7), n_fft=960, hop_length=480, sample_rate=48000),
    "mswavehax": GeneratorConfig(channels=64, n_fft=120, norm="frame", num_streams=4),
}
"""The published shapes (DESIGN section 2); 622,951, 600,759, 2,018,727 and 332,324 trained parameters."""


def parameter_shapes(config: GeneratorConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a model file, in the order of the forward pass.

    The names are those of `wavehax.nn.Generator.state_dict()` and of the C++ engine; all are float32.
    """
    c, f, mels = config.channels, config.num_bins, config.n_mels
    shapes: dict[str, tuple[int, ...]] = {"mel_mean": (mels,), "mel_scale": (mels,)}
    if config.num_streams == 1:
        shapes["prior_proj.weight"] = (f, f, PROJECTION_TAPS)
        shapes["prior_proj.bias"] = (f,)
        inputs, outputs = 5, 2
    else:
        taps = config.num_streams if config.stream_filter == "dwt" else FILTER_TAPS
        shapes["filter_bank.analysis.weight"] = (config.num_streams, 1, taps)
        shapes["filter_bank.synthesis.weight"] = (1, config.num_streams, taps)
        inputs, outputs = 3 * config.num_streams, 2 * config.num_streams
    shapes["cond_proj.weight"] = (config.num_streams * f, mels, PROJECTION_TAPS)
    shapes["cond_proj.bias"] = (config.num_streams * f,)
    if config.output == "excitation":
        shapes["env_proj.weight"] = (f, mels, 1)
        shapes["env_proj.bias"] = (f,)
    shapes["input_proj.weight"] = (c, inputs)
    shapes.update(_norm_shapes("input_norm", config.outer_norm, c))
    for i in range(config.num_blocks):
        shapes.update(_block_shapes(f"blocks.{i}", config))
    shapes.update(_norm_shapes("output_norm", config.outer_norm, c))
    shapes["output_proj.weight"] = (outputs, c)
    shapes["output_proj.bias"] = (outputs,)
    return shapes


def f0_parameter_shapes(config: F0Config, n_mels: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a predictor of F0, which in a model file begin with `f0.`.

    The names are those of `wavehax.nn.f0.F0Predictor.state_dict()` and of the C++ engine; all are float32.
    """
    channels, taps = config.channels, config.kernel_size
    shapes: dict[str, tuple[int, ...]] = {"mel_mean": (n_mels,), "mel_scale": (n_mels,)}
    shapes |= {"input_proj.weight": (channels, n_mels, taps), "input_proj.bias": (channels,)}
    for i in range(config.num_blocks):
        shapes |= {f"blocks.{i}.weight": (channels, channels, taps), f"blocks.{i}.bias": (channels,)}
    outputs = config.num_bins + 1
    return shapes | {"output_proj.weight": (outputs, channels, 1), "output_proj.bias": (outputs,)}


def _block_shapes(name: str, config: GeneratorConfig) -> dict[str, tuple[int, ...]]:
    c, expanded = config.channels, config.channels * config.mult_channels
    return {
        f"{name}.dwconv.weight": (c, 1, *config.kernel_size),
        **_norm_shapes(f"{name}.norm", config.norm, c),
        f"{name}.pwconv1.weight": (expanded, c),
        f"{name}.pwconv1.bias": (expanded,),
        f"{name}.pwconv2.weight": (c, expanded),
        f"{name}.pwconv2.bias": (c,),
        f"{name}.gamma": (c,),
    }


def _norm_shapes(name: str, norm: str, channels: int) -> dict[str, tuple[int, ...]]:
    parts = ["weight", "bias"] + (["running_mean", "running_var"] if norm == "batch" else [])
    return {f"{name}.{part}": (channels,) for part in parts}


C = TypeVar("C")


def from_dict(cls: type[C], values: Mapping[str, Any]) -> C:
    """Build the dataclass `cls` from a mapping such as parsed JSON.

    Raises:
        ConfigError: an unknown or missing field, or a value of another type; the message names it.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{cls.__name__}: expected a mapping of fields, got {type(values).__name__}")
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in values:
        if name not in fields:
            raise ConfigError(f"{cls.__name__}: unknown field {name!r}; expected one of {', '.join(fields)}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise ConfigError(f"{cls.__name__}: missing field {name!r}")
    return cls(**{name: _typed(cls.__name__, fields[name], value) for name, value in values.items()})


def to_dict(config: Any) -> dict[str, Any]:
    """The fields of a configuration as plain JSON types; `from_dict` reads them back."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _typed(owner: str, field: Any, value: Any) -> Any:
    """`value` as the field's declared type; only int to float and list to tuple are converted."""
    declared = str(field.type)
    if declared == "float" and type(value) is int:
        return float(value)
    if declared.startswith("tuple") and isinstance(value, (list, tuple)):
        return tuple(value)
    expected = {"int": int, "float": float, "str": str, "bool": bool}.get(declared)
    if expected is not None and type(value) is not expected:
        raise ConfigError(f"{owner}.{field.name}={value!r}: expected {declared}")
    return value
