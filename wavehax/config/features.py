"""Which mel a model takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wavehax.config.fields import ConfigError, check_choice, check_sizes

FLOOR_TOLERANCE = 1e-4
"""What log-magnitudes at the floor of a definition may lie above it: float32 logarithms differ in
their last bits."""


@dataclass(frozen=True)
class FeatureConfig:
    """The definition of a log-mel-spectrogram, stored in every model file so that another can be
    refused by name."""

    name: str
    sample_rate: int  # Hz
    hop_length: int  # samples between frames
    n_fft: int  # samples; the Hann window is as long
    n_mels: int  # bands
    f_min: float  # Hz, lower edge of the first band
    f_max: float  # Hz, upper edge of the last band
    mel_scale: str  # "slaney" or "htk"
    mel_norm: str  # "slaney" (unit area) or "none" (unit peak)
    # "same": zeros, (n_fft - hop) / 2 a side, N // hop frames; "centre": reflect, n_fft / 2, N //
    # hop + 1
    padding: str
    log_floor: float  # magnitude below which the natural logarithm is clipped

    def __post_init__(self) -> None:
        check_sizes(self, "sample_rate", "hop_length", "n_fft", "n_mels")
        if not (math.isfinite(self.log_floor) and self.log_floor > 0):
            raise ConfigError(f"log_floor={self.log_floor}: expected a positive magnitude")
        check_choice("mel_scale", self.mel_scale, ("slaney", "htk"))
        check_choice("mel_norm", self.mel_norm, ("slaney", "none"))
        check_choice("padding", self.padding, ("same", "centre"))
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise ConfigError(
                f"f_min={self.f_min}, f_max={self.f_max}: expected 0 <= f_min < f_max <= rate / 2"
            )
        if self.n_fft < self.hop_length or (self.n_fft - self.hop_length) % 2:
            raise ConfigError(
                f"n_fft={self.n_fft}: expected hop_length={self.hop_length} plus an even number"
            )


FEATURES = {
    "wavehax-24k": FeatureConfig(
        "wavehax-24k", 24000, 240, 1024, 100, 0.0, 8000.0, "slaney", "slaney", "same", 1e-5
    ),
    "wavehax-48k": FeatureConfig(
        "wavehax-48k", 48000, 480, 2048, 100, 0.0, 24000.0, "slaney", "slaney", "same", 1e-5
    ),
    "vocos-24k": FeatureConfig(
        "vocos-24k", 24000, 256, 1024, 100, 0.0, 12000.0, "htk", "none", "centre", 1e-7
    ),
    "hifigan-22k": FeatureConfig(
        "hifigan-22k", 22050, 256, 1024, 80, 0.0, 8000.0, "slaney", "slaney", "same", 1e-5
    ),
    "nsf-hifigan-44k": FeatureConfig(
        "nsf-hifigan-44k",
        44100,
        512,
        2048,
        128,
        40.0,
        16000.0,
        "slaney",
        "slaney",
        "same",
        log_floor=1e-5,
    ),
}
"""Feature definitions by name (docs/design.md#features).

`hifigan-22k` is that of HiFi-GAN and Matcha-TTS, `nsf-hifigan-44k` that of DiffSinger and its
relatives, but for the first and last two frames: they reflect the recording at its ends, where this
has zeros.
"""
