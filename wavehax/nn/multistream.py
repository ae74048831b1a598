"""The MS-Wavehax generator (arXiv 2506.03554; docs/design.md#multi-stream).

It is the same network on the spectra of S streams.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wavehax.config import GeneratorConfig
from wavehax.nn.filter_bank import FILTER_BANKS
from wavehax.nn.generator import BaseGenerator
from wavehax.nn.layers import Projection, init_weights


class MultiStreamGenerator(BaseGenerator):
    """MS-Wavehax: channels in are the mel projected for each stream, then [re0, im0, re1, im1,
    ...]; out the latter."""

    def __init__(self, config: GeneratorConfig, log_floor: float = 0.0) -> None:
        super().__init__(
            config,
            log_floor,
            in_channels=3 * config.num_streams,
            out_channels=2 * config.num_streams,
        )
        self.filter_bank = FILTER_BANKS[config.stream_filter](config)
        self.cond_proj = Projection(config.n_mels, config.num_streams * config.num_bins, config)
        self.apply(init_weights)

    def synthesise(self, mel: Tensor, prior: Tensor) -> Tensor:
        batch, streams = mel.shape[0], self.config.num_streams
        re, im = self.stft(self.filter_bank.analyse(prior).flatten(0, 1))  # [B * S, F, T] each
        # [B, 2S, F, T]
        spectra = torch.stack([re, im], dim=1).unflatten(0, (batch, streams)).flatten(1, 2)
        cond = self.cond_proj(mel).unflatten(1, (streams, -1))  # [B, S, F, T]
        x = self.refine(torch.cat([cond, spectra], dim=1).permute(0, 2, 3, 1))  # [B, F, T, 2S]
        refined = x.permute(0, 3, 1, 2).unflatten(1, (streams, 2)).flatten(0, 1)  # [B * S, 2, F, T]
        waves = self.stft.inverse(refined[:, 0], refined[:, 1])  # [B * S, N / S]
        return self.filter_bank.synthesise(waves.unflatten(0, (batch, streams)))
