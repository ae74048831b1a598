"""The definition of the mel that a model takes, and those in common use."""

from __future__ import annotations

import dataclasses
import math
import sys
from dataclasses import dataclass, field

from wavehax.config.fields import (
    ConfigError,
    check_choice,
    check_count,
    check_number,
    check_sizes,
)

LOGS = {"e": 1.0, "10": math.log(10), "dB": math.log(10) / 20}
"""Logarithms of magnitudes by name, each with its unit in nepers (units of the natural one)."""

PADDINGS = ("same", "same-reflect", "centre", "centre-zeros")
WRITING = ("log", "floor", "reference", "mean", "scale", "clip")
"""Fields that say how a value is written, besides `log_floor`."""

FLOOR_TOLERANCE = 1e-4
"""How far above the floor a log-magnitude still counts as the floor.

Float32 logarithms of the same floor differ in their last bits.
"""


OMITTED = {"omit_default": True}
"""Metadata of a field that model files leave out where it has its default."""

_HIGHEST_FLOOR = 40.0  # nepers; no float32 mel of sound is as loud
_NO_NUMBERS: tuple[float, ...] = ()


@dataclass(frozen=True)
class FeatureConfig:
    """The definition of a log-mel-spectrogram.

    Every model file holds that of its mel, so that another mel can be refused by name. The fields
    from `sample_rate` to `peak` define the bands. The others, from `log` on, define how the value
    v of a band is written (`wavehax.config.written`): log(max(v, log_floor) / reference), less
    `mean`, divided by `scale`, and limited to `clip`.
    """

    name: str
    sample_rate: int  # Hz
    hop_length: int  # samples between frames
    n_fft: int  # samples of a Fourier transform
    n_mels: int  # bands
    f_min: float  # Hz, lower edge of the first band
    f_max: float  # Hz, upper edge of the last band
    mel_scale: str  # "slaney" or "htk"
    mel_norm: str  # "slaney" (unit area) or "none" (unit peak)
    # "same": (n_fft - hop) / 2 zeros on each side, which gives N // hop frames.
    # "same-reflect": as many reflected samples.
    # "centre": n_fft / 2 reflected samples on each side, which gives N // hop + 1.
    # "centre-zeros": as many zeros.
    padding: str
    log_floor: float  # least value (magnitude, or power with power=2) of which a log is taken
    # Samples of the window, which stands in the middle of n_fft; 0: n_fft.
    win_length: int = field(default=0, metadata=OMITTED)
    window: str = field(default="hann", metadata=OMITTED)  # "hann" or "hamming"; both periodic
    power: int = field(default=1, metadata=OMITTED)  # 1: bands of magnitudes; 2: of their squares
    # a in x[n] - a * x[n - 1], which is done before anything else; 0: nothing is.
    pre_emphasis: float = field(default=0.0, metadata=OMITTED)
    # The level that the highest sample of every recording is brought to; 0: levels stay.
    peak: float = field(default=0.0, metadata=OMITTED)
    # "e": natural; "10": base 10; "dB": 20 log10 of a magnitude, 10 log10 of a power.
    log: str = field(default="e", metadata=OMITTED)
    floor: str = field(default="clip", metadata=OMITTED)  # "clip": max(v, floor); "add": v + floor
    reference: float = field(default=1.0, metadata=OMITTED)  # value whose logarithm is written as 0
    # One number, or one for each band; subtracted from the logarithm. Empty: 0.
    mean: tuple[float, ...] = field(default=_NO_NUMBERS, metadata=OMITTED)
    # One number, or one for each band; divides what is left. Empty: 1.
    scale: tuple[float, ...] = field(default=_NO_NUMBERS, metadata=OMITTED)
    # Lowest and highest number that is written. Empty: any.
    clip: tuple[float, ...] = field(default=_NO_NUMBERS, metadata=OMITTED)

    def __post_init__(self) -> None:
        check_sizes(self, "sample_rate", "hop_length", "n_fft", "n_mels")
        if not (math.isfinite(self.log_floor) and self.log_floor > 0):
            raise ConfigError(f"log_floor={self.log_floor}: expected a positive magnitude")
        check_choice("mel_scale", self.mel_scale, ("slaney", "htk"))
        check_choice("mel_norm", self.mel_norm, ("slaney", "none"))
        check_choice("padding", self.padding, PADDINGS)
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise ConfigError(
                f"f_min={self.f_min}, f_max={self.f_max}: expected 0 <= f_min < f_max <= rate / 2"
            )
        if self.n_fft < self.hop_length or (self.n_fft - self.hop_length) % 2:
            raise ConfigError(
                f"n_fft={self.n_fft}: expected hop_length={self.hop_length} plus an even number"
            )
        self._check_bands()
        self._check_writing()

    def _check_bands(self) -> None:
        """Raise ConfigError unless the optional fields of the bands have values that can be."""
        if self.win_length == self.n_fft:  # two ways of saying the same are one definition
            object.__setattr__(self, "win_length", 0)
        check_count("win_length", self.win_length, 0)
        if self.win_length > self.n_fft or (self.win_length and self.win_length < 3):
            raise ConfigError(f"win_length={self.win_length}: expected 3 to n_fft={self.n_fft}")
        check_choice("window", self.window, ("hann", "hamming"))
        if self.power not in (1, 2):
            raise ConfigError(f"power={repr(self.power)[:40]}: expected 1 or 2")
        check_number("pre_emphasis", self.pre_emphasis, below=1)
        check_number("peak", self.peak, most=1)

    def _check_writing(self) -> None:
        """Raise ConfigError unless the fields of the writing have values that can be."""
        check_choice("log", self.log, tuple(LOGS))
        check_choice("floor", self.floor, ("clip", "add"))
        check_number("reference", self.reference, positive=True)
        per_band = (1, self.n_mels)
        for name, counts in (("mean", per_band), ("scale", per_band), ("clip", (2,))):
            numbers = getattr(self, name)
            right = isinstance(numbers, tuple) and len(numbers) in (0, *counts)
            right = right and all(
                type(number) in (int, float) and abs(number) <= sys.float_info.max
                for number in numbers
            )
            if not right or (name == "scale" and not all(number > 0 for number in numbers)):
                raise ConfigError(
                    f"{name}={repr(numbers)[:40]}: expected {' or '.join(map(str, counts))}"
                    f" {'positive' if name == 'scale' else 'finite'} numbers"
                )
        if self.clip and not self.clip[0] < self.clip[1]:
            raise ConfigError(f"clip={self.clip}: expected the lowest and then the highest number")
        if self.clip and self._lowest() > _HIGHEST_FLOOR:
            raise ConfigError(
                f"clip={self.clip}: its lowest number is the logarithm of"
                f" {self._lowest() / math.log(10):.0f} decades, expected less"
            )

    @property
    def window_length(self) -> int:
        """Length of the window in samples."""
        return self.win_length or self.n_fft

    @property
    def centred(self) -> bool:
        """Whether frame t is centred on the first sample of hop t, and not on its middle."""
        return self.padding.startswith("centre")

    @property
    def reflects(self) -> bool:
        """Whether the padding reflects the recording at its ends, and is not zeros."""
        return self.padding in ("same-reflect", "centre")

    @property
    def log_unit(self) -> float:
        """Nepers (units of the natural logarithm of a magnitude) in a unit of `log`."""
        return LOGS[self.log] / (1 if self.log == "dB" else self.power)

    @property
    def magnitude_floor(self) -> float:
        """The least magnitude that a mel shows: the root of `log_floor` with `power` 2.

        Where `clip` cuts off more, it is the least magnitude that is left, in the lowest band.
        """
        plain = self.power == 1 and not self.clip
        return self.log_floor if plain else math.exp(self._lowest())

    def _lowest(self) -> float:
        """The natural logarithm of `magnitude_floor`."""
        floor = math.log(self.log_floor) / self.power
        if not self.clip:
            return floor
        means, scales = self.mean or (0.0,), self.scale or (1.0,)
        undone = (
            means[i % len(means)] + scales[i % len(scales)] * self.clip[0]
            for i in range(max(len(means), len(scales)))
        )
        return max(floor, min(undone) * self.log_unit + math.log(self.reference) / self.power)

    @property
    def plain(self) -> bool:
        """Whether it is written as models compute with it: the natural log of a magnitude."""
        return self.log_unit == 1 and self.reference == 1 and not (self.mean or self.scale)

    def same_bands(self, other: FeatureConfig) -> bool:
        """Whether the bands of two definitions are the same, however their values are written."""
        fields = {name: getattr(other, name) for name in ("name", "log_floor", *WRITING)}
        return dataclasses.replace(self, **fields) == other


_HIFIGAN_22K = FeatureConfig(
    "hifigan-22k", 22050, 256, 1024, 80, 0.0, 8000.0, "slaney", "slaney", "same", 1e-5
)
_BIGVGAN_24K = FeatureConfig(
    "bigvgan-24k", 24000, 256, 1024, 100, 0.0, 12000.0, "slaney", "slaney", "same-reflect", 1e-5
)
_PRESETS = (
    FeatureConfig(
        "wavehax-24k", 24000, 240, 1024, 100, 0.0, 8000.0, "slaney", "slaney", "same", 1e-5
    ),
    FeatureConfig(
        "wavehax-48k", 48000, 480, 2048, 100, 0.0, 24000.0, "slaney", "slaney", "same", 1e-5
    ),
    FeatureConfig("vocos-24k", 24000, 256, 1024, 100, 0.0, 12000.0, "htk", "none", "centre", 1e-7),
    _HIFIGAN_22K,
    FeatureConfig(
        *("nsf-hifigan-44k", 44100, 512, 2048, 128, 40.0, 16000.0),
        *("slaney", "slaney", "same", 1e-5),
    ),
    _BIGVGAN_24K,
    dataclasses.replace(
        _BIGVGAN_24K,
        name="bigvgan-44k",
        sample_rate=44100,
        hop_length=512,
        n_fft=2048,
        n_mels=128,
        f_max=22050.0,
    ),
    dataclasses.replace(_HIFIGAN_22K, name="tacotron2-22k", padding="centre"),
    FeatureConfig(
        *("speecht5-16k", 16000, 256, 1024, 80, 80.0, 7600.0),
        *("slaney", "slaney", "centre", 1e-10),
        log="10",
    ),
    FeatureConfig(
        *("parallel-wavegan-24k", 24000, 300, 2048, 80, 80.0, 7600.0),
        *("slaney", "slaney", "centre", 1e-10),
        win_length=1200,
        log="10",
    ),
)
FEATURES = {features.name: features for features in _PRESETS}
"""Feature definitions by name (docs/design.md#features), each with the code that defines it.

- `wavehax-24k`, `wavehax-48k`: the recipes of the official Wavehax code.
- `vocos-24k`: `MelSpectrogramFeatures` of Vocos (feature_extractors.py).
- `hifigan-22k`: `mel_spectrogram` of HiFi-GAN (meldataset.py), which Matcha-TTS took over;
  `nsf-hifigan-44k`: that of DiffSinger and its relatives. The first two and the last two frames
  differ: those programs reflect the recording at its ends, where these definitions have zeros.
- `bigvgan-24k`, `bigvgan-44k`: `get_mel_spectrogram` of BigVGAN (meldataset.py) with the
  configurations of bigvgan_v2_24khz_100band_256x and bigvgan_v2_44khz_128band_512x. Like HiFi-GAN
  it adds 1e-9 to the square of a magnitude, which changes no value by more than 0.01.
- `tacotron2-22k`: `TacotronSTFT` of NVIDIA's Tacotron 2 (layers.py), which FastSpeech 2 and
  WaveGlow took over. Its bands are those of `hifigan-22k`; its frames are centred on the first
  sample of their hop.
- `speecht5-16k`: `SpeechT5FeatureExtractor` of Hugging Face transformers.
- `parallel-wavegan-24k`: `logmelfilterbank` of ParallelWaveGAN (bin/preprocess.py) with the
  configuration of its recipes at 24 kHz; ESPnet's `LogMelFbank` has the same numbers. Its vocoders
  take it normalised by statistics, which a file gives as `mean` and `scale`.
"""
