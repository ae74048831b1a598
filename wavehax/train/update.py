"""Computes a training step in two halves.

`Update.gradients` computes the losses and the clipped gradients. `Update.apply` then moves the
weights and their running averages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from wavehax.data.batch import Batch
from wavehax.nn import BaseGenerator
from wavehax.train import distributed
from wavehax.train.adversary import Adversary
from wavehax.train.capture import Captured
from wavehax.train.config import TrainConfig
from wavehax.train.losses import EnergyScore, UnvoicedScore
from wavehax.train.optim import (
    average_weight,
    cosine,
    generator_optimizer,
    set_learning_rate,
    update_average,
)
from wavehax.train.teacher import Teacher

if TYPE_CHECKING:
    from lightning_fabric import Fabric
from wavehax.train.views import LogMagnitude, mel_views


class Mode(NamedTuple):
    """The networks that learn in a step."""

    judged: bool  # the adversary judges, and its discriminators learn
    generates: bool  # the generator learns


class Halves(NamedTuple):
    """Both halves of the steps of a mode, captured as CUDA graphs."""

    mode: Mode
    gradients: Captured[dict[str, Tensor]]
    apply: Captured[None]


class Update:
    """Moves generator, adversary, their optimisers and the averaged weights from step to step.

    On one GPU both halves of a step are captured as CUDA graphs. Numbers that change from step to
    step are therefore in tensors.
    """

    def __init__(self, config: TrainConfig, fabric: Fabric, bare: BaseGenerator) -> None:
        """
        Args:
            config: the run.
            fabric: its processes and devices.
            bare: the generator, on the device of `fabric`.
        """
        self.config, self.fabric, self.bare = config, fabric, bare
        self.on_one_gpu = distributed.on_one_gpu(fabric)
        self.optimizer = generator_optimizer(bare, config.optimizer, self.on_one_gpu)
        loss, rate = config.loss, config.generator.sample_rate
        mels = mel_views(rate, loss.n_ffts, loss.n_mels, loss.floor)
        bins = [LogMagnitude(rate, n_fft, loss.log_from) for n_fft in loss.log_n_ffts]
        repulsion = loss.repulsion, loss.repulsion_from
        self.mel_score = EnergyScore(mels, *repulsion, loss.low_weight).to(fabric.device)
        self.log_score = EnergyScore(bins, *repulsion).to(fabric.device) if bins else None
        unvoiced = [UnvoicedScore(n_fft) for n_fft in loss.unvoiced_n_ffts]
        self.unvoiced_scores = nn.ModuleList(unvoiced).to(fabric.device)
        teacher = config.teacher
        self.teacher = Teacher(teacher, config).to(fabric.device) if teacher else None
        adversary = config.adversary
        self.adversary = Adversary(adversary, fabric, config.max_steps, rate) if adversary else None
        self.model = fabric.setup_module(bare)
        self.ema = {name: value.clone() for name, value in bare.state_dict().items()}
        self.average_weight = torch.zeros((), device=fabric.device)
        self.captured: Halves | None = None

    def gradients(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Put clipped gradients into the parameters; returns losses, and norms before clipping."""
        mode = self._mode(step)
        self._set_schedule(mode, step)
        if not self.on_one_gpu:
            return self._gradients(mode, batch)
        if self.captured is None or self.captured.mode != mode:
            # The graphs of the mode before are dropped, which frees their memory.
            self.captured = Halves(
                mode,
                Captured(lambda *tensors: self._gradients(mode, Batch(*tensors))),
                Captured(lambda: self._apply(mode)),
            )
        return self.captured.gradients(*batch)

    def apply(self, step: int, row: dict[str, float]) -> None:
        """Move the weights by their gradients, and the averaged weights after them.

        `row` is the result of `gradients`, the mean over all processes.
        """
        mode = self._mode(step)
        if adversary := self._judge(mode):
            adversary.set_learning_rate(step, row["win_rate"])
        if self.captured:
            self.captured.apply()
        else:
            self._apply(mode)

    def learning_rate(self, step: int) -> float:
        """The learning rate of the generator.

        After linear warm-up it is a cosine that reaches zero at `max_steps`. It is 0 while the
        discriminators learn alone, and warms up again after that.
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
        adversary = self.adversary
        if adversary is None or not adversary.active(step):
            return Mode(judged=False, generates=True)
        return Mode(judged=True, generates=not adversary.alone(step))

    def _judge(self, mode: Mode) -> Adversary | None:
        """The adversary in the steps that it judges."""
        return self.adversary if mode.judged else None

    def _set_schedule(self, mode: Mode, step: int) -> None:
        """Set every value that depends on the number of the step."""
        set_learning_rate(self.optimizer, self.learning_rate(step))
        weight = average_weight(self.config.optimizer.ema_decay, step + 1)
        self.average_weight.fill_(weight)
        if adversary := self._judge(mode):
            adversary.set_weights(step)

    def _gradients(self, mode: Mode, batch: Batch) -> dict[str, Tensor]:
        config, parts, adversary = self.config, self.config.accumulate, self._judge(mode)
        self.optimizer.zero_grad()
        if adversary:
            adversary.optimizer.zero_grad()
        totals: dict[str, Tensor] = {}
        for i in range(parts):
            # Gradients are summed over processes once, with those of the last part.
            waiting = i < parts - 1
            several = self.fabric.world_size > 1
            with self.fabric.no_backward_sync(self.model, enabled=waiting and several):
                terms = self._accumulate(mode, Batch(*(x[i::parts] for x in batch)))
            for name, value in terms.items():
                share = value.detach() / parts
                totals[name] = totals[name] + share if name in totals else share
        if mode.generates:
            norm = nn.utils.clip_grad_norm_(self.bare.parameters(), config.optimizer.max_grad_norm)
            totals["grad_norm"] = norm
        if adversary:
            totals["discriminator_grad_norm"] = adversary.clip()
        return totals

    def _accumulate(self, mode: Mode, batch: Batch) -> dict[str, Tensor]:
        """Add the gradients of one part of a batch, and return its losses."""
        config, parts = self.config, self.config.accumulate
        if not mode.generates:  # discriminators need only one output a segment
            batch = batch._replace(noise=batch.noise[:, :1], phase=batch.phase[:, :1])
        inputs = batch.inputs(self.bare)
        autocast = torch.autocast(
            self.fabric.device.type, torch.bfloat16, enabled=config.precision == "bf16"
        )
        with autocast, torch.set_grad_enabled(mode.generates):
            made = self.model(*inputs)
        made = made.unflatten(0, batch.noise.shape[:2])[:, :, 0]  # [B, S, N]
        target, waves = (self._heard(batch, x) for x in (batch.audio, made))
        terms: dict[str, Tensor] = {}
        sources: list[Tensor] = []  # at which the backward pass through the generator begins
        gradients: list[Tensor | None] = []  # with respect to them; None: a loss, whose own is 1
        if mode.generates:
            scores, total = self._scores(batch, waves, target)
            terms |= scores
            if self.teacher:
                taught = self.teacher.waves(*inputs).unflatten(0, batch.noise.shape[:2])[:, :, 0]
                heard = self._heard(batch, taught)
                terms["teacher"] = self.teacher(waves.flatten(0, 1), heard.flatten(0, 1))
                total = total + self.teacher.weight * terms["teacher"]
            sources.append(total / parts)
            gradients.append(None)
        if adversary := self._judge(mode):
            first = waves[:, :1]
            gradient, judged = adversary.judge(target[:, None], first, parts)
            terms |= judged
            if mode.generates:
                sources.append(first)
                gradients.append(gradient / parts)
        if sources:
            torch.autograd.backward(sources, gradients)
        return terms

    def _scores(
        self, batch: Batch, waves: Tensor, target: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Score outputs [B, S, N] for recordings [B, N]; returns the scores and their total."""
        loss = self.config.loss
        voiced = self._heard(batch, self._voiced(batch.voiced)) if loss.repulsion else None
        mel = self.mel_score(waves, target, voiced)
        terms, total = {"mel": mel}, loss.mel_weight * mel
        if self.log_score:
            terms["log_magnitude"] = self.log_score(waves, target)
            total = total + loss.log_weight * terms["log_magnitude"]
        if self.unvoiced_scores:
            scores = [score(waves, target, voiced) for score in self.unvoiced_scores]
            terms["unvoiced"] = torch.stack(scores).mean()
            total = total + loss.unvoiced_weight * terms["unvoiced"]
        return terms, total

    def _voiced(self, voiced: Tensor) -> Tensor:
        """Mark samples of voiced frames and their neighbours by 1, the others by 0, [B, N].

        `voiced` is [B, T], 1 in voiced frames and 0 in the others.
        """
        near = functional.max_pool1d(voiced, 3, stride=1, padding=1)
        return near.repeat_interleave(self.config.generator.hop_length, dim=-1)

    def _heard(self, batch: Batch, waves: Tensor) -> Tensor:
        """Cut from [B, ..., N] the samples that the losses hear, from each segment's shift on."""
        length = waves.shape[-1] - self.config.data.shift_samples
        at = batch.shift[:, None] + torch.arange(length, device=waves.device)
        at = at.reshape(len(at), *[1] * (waves.ndim - 2), length)
        return waves.gather(-1, at.expand(*waves.shape[:-1], length))

    def _apply(self, mode: Mode) -> None:
        if mode.generates:
            self.optimizer.step()
            update_average(self.ema, self.bare.state_dict(), self.average_weight)
        if adversary := self._judge(mode):
            adversary.optimizer.step()
