"""By how much every stage of a streaming graph lags behind the frames given (csrc/model/engine.cpp,
samples_after)."""

from __future__ import annotations

from dataclasses import dataclass

from wavehax.config import FILTER_TAPS, GeneratorConfig

SAWTOOTH_REACH = 121
"""Half length, in oversampled samples, of the sawtooth's decimation filter."""
SAWTOOTH_OVERSAMPLING = 8


@dataclass(frozen=True)
class Lags:
    """All 0 in a graph of whole utterances."""

    prior: int = 0  # samples
    streams: int = 0  # samples of a stream; without a filter bank, of the prior
    spectrum: int = 0  # frames
    # frames: of the projections, blocks and everything up to the predicted spectrum
    network: int = 0
    waves: int = 0  # samples of a stream, as predicted
    wave: int = 0  # samples

    @classmethod
    def of_stream(cls, config: GeneratorConfig) -> Lags:
        """Those of a model with causal padding."""
        hop, streams = config.stream_hop, config.num_streams
        margin = (config.n_fft - hop) // 2
        prior = SAWTOOTH_REACH // SAWTOOTH_OVERSAMPLING if config.prior == "sawtooth" else 0
        analysed = prior
        if streams > 1:
            after = streams - 1 if config.stream_filter == "dwt" else FILTER_TAPS // 2
            analysed = _ceil(after + 1 + prior, streams) - 1
        spectrum = _ceil(analysed + margin, hop)
        # With one stream the projection of the spectrum looks ahead too.
        network = spectrum + config.lookahead if streams == 1 else max(spectrum, config.lookahead)
        waves = network * hop + margin
        filters = (
            0
            if streams == 1 or config.stream_filter == "dwt"
            else _ceil(FILTER_TAPS // 2, streams) * streams
        )
        return cls(prior, analysed, spectrum, network, waves, waves * streams + filters)

    def delay(self, config: GeneratorConfig) -> int:
        """Samples by which the output lags: that of the engine's stream."""
        return self.wave + (config.hop_length // 2 if config.frame_alignment == "centre" else 0)


def _ceil(a: int, b: int) -> int:
    return -(-a // b)
