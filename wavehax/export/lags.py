"""Computes how far every stage of a streaming graph lags behind the frames that it is given.

The twin in C++ is `samples_after` in csrc/model/engine.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass

from wavehax.config import FILTER_TAPS, GeneratorConfig

SAWTOOTH_REACH = 121
"""Half length, in oversampled samples, of the sawtooth's decimation filter."""
SAWTOOTH_OVERSAMPLING = 8
"""Samples of the sawtooth that are computed for one sample of the prior."""


@dataclass(frozen=True)
class Lags:
    """The lag of each stage behind the frames given; all are 0 in a graph of whole utterances."""

    prior: int = 0  # samples
    streams: int = 0  # samples of a stream, after the filter bank; without one, those of the prior
    spectrum: int = 0  # frames
    network: int = 0  # frames, from the projections through the blocks to the predicted spectrum
    waves: int = 0  # samples of a stream, after the inverse transform
    wave: int = 0  # samples of the output

    @classmethod
    def of_stream(cls, config: GeneratorConfig) -> Lags:
        """The lags of a model with causal padding."""
        hop, streams = config.stream_hop, config.num_streams
        margin = (config.n_fft - hop) // 2
        prior = SAWTOOTH_REACH // SAWTOOTH_OVERSAMPLING if config.prior == "sawtooth" else 0
        analysed = prior
        if streams > 1:
            after = streams - 1 if config.stream_filter == "dwt" else FILTER_TAPS // 2
            analysed = _ceil(after + 1 + prior, streams) - 1
        spectrum = _ceil(analysed + margin, hop)
        # cond_proj looks ahead in the mel, and prior_proj as far in the spectrum.
        prior_ahead = config.lookahead if config.has_prior_proj else 0
        network = max(config.lookahead, spectrum + prior_ahead)
        waves = network * hop + margin
        filters = (
            0
            if streams == 1 or config.stream_filter == "dwt"
            else _ceil(FILTER_TAPS // 2, streams) * streams
        )
        return cls(prior, analysed, spectrum, network, waves, waves * streams + filters)

    def delay(self, config: GeneratorConfig) -> int:
        """Samples by which the output lags, as `Stream.delay` has it."""
        return self.wave + (config.hop_length // 2 if config.frame_alignment == "centre" else 0)


def _ceil(a: int, b: int) -> int:
    return -(-a // b)
