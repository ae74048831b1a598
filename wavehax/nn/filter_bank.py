"""Filter banks: a waveform to decimated streams and back (docs/design.md#multi-stream)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from wavehax.config import FILTER_TAPS, GeneratorConfig
from wavehax.nn.layers import INIT_STD
from wavehax.nn.padding import pad_time

PQMF_CUTOFF = 0.142
"""Cutoff of the prototype as a fraction of sample_rate / 2, the authors' for four streams."""
PQMF_BETA = 9.0
"""Shape of the prototype's Kaiser window."""

_HALF = FILTER_TAPS // 2  # taps on each side of the middle one


class Filters(nn.Module):
    """Holds the `weight` of one side of a filter bank, trained or fixed.

    It is part of the state in either case.
    """

    weight: Tensor

    def __init__(self, weight: Tensor, trained: bool) -> None:
        super().__init__()
        if trained:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)


class FilterBank(nn.Module):
    """Splits a waveform into S decimated streams and joins them, with filters of FILTER_TAPS taps.

    Analysis maps [B, 1, N] to [B, S, N / S], synthesis back.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.num_streams = config.num_streams
        self.padding = config.time_padding
        analysis, synthesis = self._initial_filters()
        trained = config.stream_filter == "learned"
        self.analysis = Filters(analysis, trained)
        self.synthesis = Filters(synthesis, trained)

    def _initial_filters(self) -> tuple[Tensor, Tensor]:
        """Filters of the analysis [S, 1, taps] and of the synthesis [1, S, taps]."""
        analysis = torch.empty(self.num_streams, 1, FILTER_TAPS)
        synthesis = torch.empty(1, self.num_streams, FILTER_TAPS)
        for weight in (analysis, synthesis):
            nn.init.trunc_normal_(weight, std=INIT_STD)
        return analysis, synthesis

    def analyse(self, wave: Tensor) -> Tensor:
        """Filter [B, 1, N] around every S-th sample, from sample 0 on; returns [B, S, N / S]."""
        padded = pad_time(wave, _HALF, _HALF, self.padding)
        return functional.conv1d(padded, self.analysis.weight, stride=self.num_streams)

    def synthesise(self, streams: Tensor) -> Tensor:
        """Make a wave [B, 1, N] of streams [B, S, N / S].

        Put S - 1 zeros after every sample, multiply by S, filter, and add the streams.
        """
        padded = pad_time(_upsample(streams), _HALF, _HALF, self.padding)
        return functional.conv1d(padded, self.synthesis.weight)


class PQMF(FilterBank):
    """Fixed cosine-modulated filter bank.

    Outputs of the analysis are zero where the filter reaches beyond the utterance.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__(config)
        self.padding = "causal"  # zeros

    def _initial_filters(self) -> tuple[Tensor, Tensor]:
        offset = torch.arange(-_HALF, _HALF + 1, dtype=torch.float64)
        window = torch.kaiser_window(
            FILTER_TAPS, periodic=False, beta=PQMF_BETA, dtype=torch.float64
        )
        prototype = PQMF_CUTOFF * torch.sinc(PQMF_CUTOFF * offset) * window
        k = torch.arange(self.num_streams, dtype=torch.float64)[:, None]
        carrier = (2 * k + 1) * torch.pi / (2 * self.num_streams) * offset
        turn = (-1) ** k * torch.pi / 4
        analysis = 2 * prototype * torch.cos(carrier + turn)
        synthesis = 2 * prototype * torch.cos(carrier - turn)
        return analysis[:, None].float(), synthesis[None].float()

    def analyse(self, wave: Tensor) -> Tensor:
        streams = super().analyse(wave)
        centre = torch.arange(streams.shape[-1], device=wave.device) * self.num_streams
        return streams * ((centre >= _HALF) & (centre < wave.shape[-1] - _HALF))


class HaarPacket(FilterBank):
    """Fixed orthonormal Haar wavelet packet of depth log2 S.

    It takes blocks of S samples, so nothing is padded. Every band is split into (low, high) in this
    order: four streams are LL, LH, HL, HH.
    """

    def _initial_filters(self) -> tuple[Tensor, Tensor]:
        bands = [torch.ones(1, dtype=torch.float64)]
        while len(bands) < self.num_streams:
            bands = [torch.cat([band, sign * band]) / 2**0.5 for band in bands for sign in (1, -1)]
        weight = torch.stack(bands).float()
        return weight[:, None], weight[None].clone()

    def analyse(self, wave: Tensor) -> Tensor:
        return functional.conv1d(wave, self.analysis.weight, stride=self.num_streams)

    def synthesise(self, streams: Tensor) -> Tensor:
        return functional.conv_transpose1d(
            streams, self.synthesis.weight.transpose(0, 1), stride=self.num_streams
        )


def _upsample(streams: Tensor) -> Tensor:
    """Put S-1 zeros after every sample of [B, S, M] and multiply by S, which keeps the level.

    Returns:
        [B, S, M * S].
    """
    num_streams = streams.shape[1]
    return functional.pad(streams.unsqueeze(-1) * num_streams, (0, num_streams - 1)).flatten(-2)


FILTER_BANKS = {"learned": FilterBank, "pqmf": PQMF, "dwt": HaarPacket}
