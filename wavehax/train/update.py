"""What one step of training computes, in two halves: gradients, and the update that they ask
for."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from wavehax.data.segments import Batch
from wavehax.nn import BaseGenerator
from wavehax.train import distributed
from wavehax.train.adversary import Adversary
from wavehax.train.capture import Captured
from wavehax.train.config import TrainConfig
from wavehax.train.losses import EnergyScore, LogMagnitude, UnvoicedScore, mel_views
from wavehax.train.optim import (
    average_weight,
    cosine,
    generator_optimizer,
    set_learning_rate,
    update_average,
)


class Mode(NamedTuple):
    """What takes part in a step."""

    judged: bool  # the adversary
    generates: bool  # the generator learns


class Update:
    """Generator, adversary, their optimisers and averaged weights, moved from step to step.

    On one GPU both halves are captured as CUDA graphs: what changes from step to step lies in
    tensors.
    """

    def __init__(self, config: TrainConfig, fabric: Any, bare: BaseGenerator) -> None:
        """
        Args:
            bare: the generator, on the device of `fabric`.
        """
        self.config, self.fabric, self.bare = config, fabric, bare
        self.on_one_gpu = distributed.on_one_gpu(fabric)
        self.optimizer = generator_optimizer(bare, config.optimizer, self.on_one_gpu)
        loss, rate = config.loss, config.generator.sample_rate
        mels = mel_views(rate, loss.n_ffts, loss.n_mels, loss.floor)
        bins = [LogMagnitude(rate, n_fft) for n_fft in loss.log_n_ffts]
        repulsion = loss.repulsion, loss.repulsion_from
        self.mel_score = EnergyScore(mels, *repulsion).to(fabric.device)
        self.log_score = EnergyScore(bins, *repulsion).to(fabric.device) if bins else None
        unvoiced = [
            UnvoicedScore(rate, n_fft, loss.repulsion_from) for n_fft in loss.unvoiced_n_ffts
        ]
        self.unvoiced_scores = nn.ModuleList(unvoiced).to(fabric.device)
        adversary = config.adversary
        self.adversary = Adversary(adversary, fabric, config.max_steps, rate) if adversary else None
        self.model = fabric.setup_module(bare)
        self.ema = {name: value.clone() for name, value in bare.state_dict().items()}
        self.average_weight = torch.zeros((), device=fabric.device)
        self.captured: tuple[Mode, Captured, Captured] | None = None

    def gradients(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Leave clipped gradients in the parameters; returns losses, and norms before clipping."""
        mode = self._mode(step)
        self._set_schedule(step)
        if not self.on_one_gpu:
            return self._gradients(mode, batch)
        if self.captured is None or self.captured[0] != mode:
            # In place of the graphs of the mode before, and of their memory.
            self.captured = (
                mode,
                Captured(lambda *tensors: self._gradients(mode, Batch(*tensors))),
                Captured(lambda: self._apply(mode)),
            )
        return self.captured[1](*batch)

    def apply(self, step: int, row: dict[str, float]) -> None:
        """Move weights by their gradients, and the averaged ones after them.

        `row` has what `gradients` returned, the mean over all processes.
        """
        mode = self._mode(step)
        if mode.judged:
            self.adversary.set_learning_rate(step, row["win_rate"])
        if self.on_one_gpu:
            self.captured[2]()
        else:
            self._apply(mode)

    def learning_rate(self, step: int) -> float:
        """That of the generator: linear warm-up, then a cosine that reaches zero at `max_steps`.

        It is 0 while the discriminators learn alone, and warms up again after that.
        """
        optimizer, first = self.config.optimizer, 0
        if self.adversary:
            if self.adversary.alone(step):
                return 0.0
            end = self.adversary.config.start_step + self.adversary.config.alone_steps
            first = end if step >= end and self.adversary.config.alone_steps else 0
        warmup = min(1.0, (step - first + 1) / max(1, optimizer.warmup_steps))
        return optimizer.learning_rate * warmup * cosine(step, 0, self.config.max_steps)

    def _mode(self, step: int) -> Mode:
        judged = self.adversary is not None and self.adversary.active(step)
        return Mode(judged, not (judged and self.adversary.alone(step)))

    def _set_schedule(self, step: int) -> None:
        """Set whatever depends on the number of the step."""
        set_learning_rate(self.optimizer, self.learning_rate(step))
        weight = average_weight(self.config.optimizer.ema_decay, step + 1)
        self.average_weight.fill_(weight)
        if self._mode(step).judged:
            self.adversary.set_weights(step)

    def _gradients(self, mode: Mode, batch: Batch) -> dict[str, Tensor]:
        config, parts = self.config, self.config.accumulate
        self.optimizer.zero_grad()
        if mode.judged:
            self.adversary.optimizer.zero_grad()
        totals: dict[str, Tensor] = {}
        for i in range(parts):
            # gradients are summed over processes with those of the last part
            waiting = i < parts - 1
            several = self.fabric.world_size > 1
            with self.fabric.no_backward_sync(self.model, enabled=waiting and several):
                terms = self._accumulate(mode, Batch(*(x[i::parts] for x in batch)))
            parted = {name: value.detach() / parts for name, value in terms.items()}
            totals = {name: totals.get(name, 0) + value for name, value in parted.items()}
        if mode.generates:
            norm = nn.utils.clip_grad_norm_(self.bare.parameters(), config.optimizer.max_grad_norm)
            totals["grad_norm"] = norm
        if mode.judged:
            totals["discriminator_grad_norm"] = self.adversary.clip()
        return totals

    def _accumulate(self, mode: Mode, batch: Batch) -> dict[str, Tensor]:
        """Add the gradients of one part of a batch; returns its losses."""
        config, parts = self.config, self.config.accumulate
        if not mode.generates:  # one output a segment is enough to learn from
            batch = batch._replace(noise=batch.noise[:, :1], phase=batch.phase[:, :1])
        inputs = batch.inputs(self.bare)
        autocast = torch.autocast(
            self.fabric.device.type, torch.bfloat16, enabled=config.precision == "bf16"
        )
        with autocast, torch.set_grad_enabled(mode.generates):
            made = self.model(*inputs)
        made = made.unflatten(0, batch.noise.shape[:2])[:, :, 0]  # [B, S, N]
        target, waves = (self._heard(batch, x) for x in (batch.audio, made))
        terms, sources, gradients = {}, [], []
        if mode.generates:
            terms, total = self._scores(batch, waves, target)
            sources, gradients = [total / parts], [None]
        if mode.judged:
            first = waves[:, :1]
            gradient, judged = self.adversary.judge(target[:, None], first, parts)
            terms |= judged
            if mode.generates:
                sources, gradients = [*sources, first], [*gradients, gradient / parts]
        if sources:
            torch.autograd.backward(sources, gradients)
        return terms

    def _scores(
        self, batch: Batch, waves: Tensor, target: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The spectral scores of outputs [B, S, N] for recordings [B, N], and their sum."""
        loss, mel = self.config.loss, self.mel_score(waves, target)
        terms, total = {"mel": mel}, loss.mel_weight * mel
        if self.log_score:
            terms["log_magnitude"] = self.log_score(waves, target)
            total = total + loss.log_weight * terms["log_magnitude"]
        if self.unvoiced_scores:
            voiced = self._heard(batch, self._voiced(batch.f0))
            scores = [score(waves, target, voiced) for score in self.unvoiced_scores]
            terms["unvoiced"] = torch.stack(scores).mean()
            total = total + loss.unvoiced_weight * terms["unvoiced"]
        return terms, total

    def _voiced(self, f0: Tensor) -> Tensor:
        """[B, N], above 0 at samples within a frame of a voiced one; F0 is [B, 1, T]."""
        near = functional.max_pool1d(f0, 3, stride=1, padding=1)[:, 0]
        return near.repeat_interleave(self.config.generator.hop_length, dim=-1)

    def _heard(self, batch: Batch, waves: Tensor) -> Tensor:
        """The samples of [B, ..., N] that the losses hear, from each segment's own first one on."""
        length = waves.shape[-1] - self.config.data.shift_samples
        at = batch.shift[:, None] + torch.arange(length, device=waves.device)
        at = at.reshape(len(at), *[1] * (waves.ndim - 2), length)
        return waves.gather(-1, at.expand(*waves.shape[:-1], length))

    def _apply(self, mode: Mode) -> None:
        if mode.generates:
            self.optimizer.step()
            update_average(self.ema, self.bare.state_dict(), self.average_weight)
        if mode.judged:
            self.adversary.optimizer.step()
