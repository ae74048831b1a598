"""A batch of training as tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from wavehax.data.segments import ArrayBatch

if TYPE_CHECKING:
    from wavehax.nn.generator import WaveGenerator


class Batch(NamedTuple):
    """The fields of `wavehax.data.segments.ArrayBatch` as tensors on one device."""

    audio: Tensor
    mel: Tensor
    f0: Tensor
    voiced: Tensor
    noise: Tensor
    phase: Tensor
    shift: Tensor

    @classmethod
    def of(cls, arrays: ArrayBatch) -> Batch:
        """Make tensors that share the memory of `arrays`."""
        return cls(*map(torch.from_numpy, arrays))

    def inputs(self, generator: WaveGenerator) -> tuple[Tensor, Tensor, Tensor]:
        """Make mel, F0 and prior for B * S outputs of `generator`, those of a segment adjacent.

        Returns:
            [B * S, n_mels, T], [B * S, 1, T] in Hz, and [B * S, 1, generator.prior_length(T)].
        """
        outputs = self.noise.shape[1]
        mel, f0 = (x.repeat_interleave(outputs, dim=0) for x in (self.mel, self.f0))
        noise = self.noise[..., : generator.prior_length(f0.shape[-1])].flatten(0, 1)[:, None]
        return mel, f0, generator.make_prior(f0, noise=noise, phase=self.phase.flatten())
