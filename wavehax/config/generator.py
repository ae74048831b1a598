"""The shape of a generator, and the constants of its arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wavehax.config.fields import ConfigError, check_choice, check_sizes

PRIORS = ("pcph", "pcph_linear_decay", "sine", "sawtooth", "noise")
NORMS = ("utterance", "frame", "batch")
TIME_PADDINGS = ("reflect", "causal")
OUTPUTS = ("spectrum", "excitation")
FRAME_ALIGNMENTS = ("same", "centre")
STREAM_FILTERS = ("learned", "pqmf", "dwt")

MAX_PROJECTION_TAPS = 7
"""Most frames under the kernels of `prior_proj` and `cond_proj`."""
FILTER_TAPS = 63
"""Taps of the analysis and synthesis filters of a multi-stream generator.

Those of `dwt` have num_streams taps.
"""
MAX_EXPANDED = 1024
"""Largest channels * mult_channels.

With more, the few bins that are computed together would not fit into the first-level cache.
"""
MAX_VOICE = 1 << 27
"""Most float32 values that a voice may keep: 512 MB.

Without a limit, a small file could ask for any amount of memory.
"""
NORM_EPSILON = 1e-6
"""Added to the variance by every norm."""
PRIOR_RMS = {
    "pcph": 0.1,
    "pcph_linear_decay": 0.1,
    "sine": math.sqrt(1 / 2),
    "sawtooth": math.sqrt(1 / 3),
    "noise": 1.0,
}
"""RMS of a prior where voiced, whatever the F0."""
NOISE_STD = {"pcph": 0.01, "pcph_linear_decay": 0.01, "sine": 0.03, "sawtooth": 0.03, "noise": 1.0}
"""Standard deviation of the gaussian noise in a prior."""
MAX_MAGNITUDE = 100.0
"""Largest magnitude that a generator with use_logmag_phase puts out."""
MIN_POWER = 1e-10
"""Floor of the squared magnitude that a generator with use_logmag_phase takes."""


@dataclass(frozen=True)
class GeneratorConfig:
    """The shape of a generator (docs/design.md#the-generator; paper section III).

    With `num_streams` > 1 it is MS-Wavehax.
    """

    n_mels: int = 100  # bands of the conditioning mel
    channels: int = 32  # hidden channels, C
    mult_channels: int = 2  # expansion inside a block
    kernel_size: tuple[int, int] = (7, 7)  # depthwise kernel: (bins, frames), both odd
    num_blocks: int = 8
    n_fft: int = 480  # samples (of one stream)
    hop_length: int = 240  # samples of the full-band waveform between frames
    sample_rate: int = 24000  # Hz
    prior: str = "pcph"
    norm: str = "utterance"  # the norm of the blocks
    # The norm of input_norm and output_norm, in which official batch-norm models differ; "": `norm`
    outer_norm: str = ""
    time_padding: str = "reflect"
    projection_taps: int = 7  # frames under the kernels of the first projections
    # Whether the network also takes a projection of the prior's spectrum over all bins (prior_proj)
    prior_projection: bool = True
    lookahead: int = 0  # frames that the first projections look ahead, with causal padding
    # Mel and F0 frame t describe hop t ("same"), or its first sample ("centre").
    frame_alignment: str = "same"
    use_logmag_phase: bool = False  # log-magnitude and phase in place of real and imaginary parts
    output: str = "spectrum"  # the network gives the spectrum, or changes an "excitation"
    num_streams: int = 1  # 1: Wavehax; more: MS-Wavehax
    stream_filter: str = "learned"  # filter bank of a multi-stream generator

    def __post_init__(self) -> None:
        kernel = self.kernel_size
        if isinstance(kernel, int):  # a square kernel, as the authors' configurations spell it
            kernel = (kernel, kernel)
        object.__setattr__(
            self, "kernel_size", tuple(kernel) if isinstance(kernel, list) else kernel
        )
        object.__setattr__(self, "outer_norm", self.outer_norm or self.norm)
        check_sizes(
            self,
            *("n_mels", "channels", "mult_channels", "num_blocks"),
            *("n_fft", "hop_length", "sample_rate", "num_streams", "projection_taps"),
        )
        check_choice("prior", self.prior, PRIORS)
        check_choice("norm", self.norm, NORMS)
        check_choice("outer_norm", self.outer_norm, NORMS)
        check_choice("time_padding", self.time_padding, TIME_PADDINGS)
        check_choice("frame_alignment", self.frame_alignment, FRAME_ALIGNMENTS)
        check_choice("output", self.output, OUTPUTS)
        check_choice("stream_filter", self.stream_filter, STREAM_FILTERS)
        self._check_kernel()
        self._check_frames()
        self._check_combinations()
        self._check_voice()

    def _check_kernel(self) -> None:
        kernel = self.kernel_size
        pair = isinstance(kernel, tuple) and len(kernel) == 2
        if not pair or any(type(k) is not int or not 0 < k < 2**31 or k % 2 == 0 for k in kernel):
            raise ConfigError(
                f"kernel_size={repr(kernel)[:40]}: expected two odd positive integers (bins,"
                " frames)"
            )
        if self.kernel_size[0] // 2 >= self.num_bins:
            raise ConfigError(
                f"kernel_size[0]={self.kernel_size[0]}: expected fewer than {2 * self.num_bins}"
                " bins"
            )

    def _check_frames(self) -> None:
        if self.hop_length % self.num_streams:
            raise ConfigError(
                f"hop_length={self.hop_length}: expected a multiple of"
                f" num_streams={self.num_streams}"
            )
        if self.n_fft % 2 or self.stream_hop % 2 or self.n_fft < 2 * self.stream_hop:
            raise ConfigError(
                f"n_fft={self.n_fft}: expected an even number of at least twice the hop of one"
                f" stream, which is even too ({self.stream_hop})"
            )

    def _check_combinations(self) -> None:
        if self.channels * self.mult_channels > MAX_EXPANDED:
            raise ConfigError(
                f"channels={self.channels}: expected channels * mult_channels of at most"
                f" {MAX_EXPANDED}"
            )
        for name in ("use_logmag_phase", "prior_projection"):
            if type(getattr(self, name)) is not bool:
                raise ConfigError(f"{name}={getattr(self, name)!r}: expected True or False")
        taps = self.projection_taps
        if taps > MAX_PROJECTION_TAPS or (taps % 2 == 0 and self.time_padding == "reflect"):
            raise ConfigError(
                f"projection_taps={taps}: expected at most {MAX_PROJECTION_TAPS}, and an odd number"
                " with time_padding='reflect'"
            )
        if type(self.lookahead) is not int or not 0 <= self.lookahead < taps:
            raise ConfigError(f"lookahead={self.lookahead!r}: expected 0 to {taps - 1} frames")
        if self.lookahead and self.time_padding != "causal":
            raise ConfigError(f"lookahead={self.lookahead}: only with time_padding='causal'")
        if self.output == "excitation" and (self.num_streams > 1 or self.use_logmag_phase):
            raise ConfigError("output='excitation': expected one stream and use_logmag_phase=False")
        if self.num_streams > 1 and self.use_logmag_phase:
            raise ConfigError("use_logmag_phase=True: expected one stream")
        if (
            self.num_streams > 1
            and self.stream_filter == "dwt"
            and self.num_streams & (self.num_streams - 1)
        ):
            raise ConfigError(
                f"num_streams={self.num_streams}: a wavelet packet needs a power of two"
            )

    def _check_voice(self) -> None:
        bins, frames = self.kernel_size
        values = self.voice_values
        if values > MAX_VOICE:
            raise ConfigError(
                f"kernel_size={[bins, frames]} in {self.num_blocks} blocks of {self.channels}"
                f" channels and {self.num_bins} bins: a voice would keep {values} values, expected"
                f" at most {MAX_VOICE}"
            )

    @property
    def voice_values(self) -> int:
        """The most float32 values that a voice keeps; csrc/model/config.cpp computes the same.

        A block keeps a row for each of `frames` and for 16 frames that are computed together. A row
        of vectors holds `num_bins + bins - 1` values a channel. One of tiles holds at most
        `num_bins + 15` in float32 and `num_bins + bins + 76` in bfloat16, two to a value, both
        rounded up to whole tiles: 1.5 * num_bins + bins / 2 + 53.
        """
        bins, frames = self.kernel_size
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
    def has_prior_proj(self) -> bool:
        """Whether there is a `prior_proj`: several streams have none in any case."""
        return self.prior_projection and self.num_streams == 1

    @property
    def planes(self) -> int:
        """Planes [F, T] that `input_proj` mixes (docs/design.md#network)."""
        if self.num_streams > 1:
            return 3 * self.num_streams
        return 5 if self.has_prior_proj else 3

    @property
    def streamable(self) -> bool:
        """Whether the model can be computed frame by frame: no norm needs the whole utterance."""
        return "utterance" not in (self.norm, self.outer_norm)


GENERATORS = {
    "wavehax.v1": GeneratorConfig(),
    "wavehax.v2": GeneratorConfig(channels=16, mult_channels=3, kernel_size=(13, 7)),
    "wavehax_fb": GeneratorConfig(
        kernel_size=(15, 7), n_fft=960, hop_length=480, sample_rate=48000
    ),
    "mswavehax": GeneratorConfig(channels=64, n_fft=120, norm="frame", num_streams=4),
}
"""The published shapes (docs/design.md#published-shapes).

They have 622,951, 600,759, 2,018,727 and 332,324 trained parameters.
"""
