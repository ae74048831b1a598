"""What one step of training computes, in two halves: gradients, and the update that they ask for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from wavehax.nn import BaseGenerator
from wavehax.train import distributed
from wavehax.train.adversary import Adversary
from wavehax.train.capture import Captured
from wavehax.train.config import TrainConfig
from wavehax.train.data import Batch
from wavehax.train.losses import MultiMelLoss
from wavehax.train.optim import average_weight, cosine, generator_optimizer, set_learning_rate, update_average


class Update:
    """Generator, adversary, their optimisers and the averaged weights, moved from one step to the next.

    On one GPU both halves are captured as CUDA graphs: what changes from step to step lies in tensors.
    """

    def __init__(self, config: TrainConfig, fabric: Any, bare: BaseGenerator) -> None:
        """
        Args:
            bare: the generator, on the device of `fabric`.
        """
        self.config, self.fabric, self.bare = config, fabric, bare
        self.on_one_gpu = distributed.on_one_gpu(fabric)
        self.optimizer = generator_optimizer(bare, config.optimizer, self.on_one_gpu)
        loss = config.loss
        self.loss = MultiMelLoss(config.generator.sample_rate, loss.n_ffts, loss.n_mels, loss.floor).to(fabric.device)
        self.adversary = Adversary(config.adversary, fabric, config.max_steps) if config.adversary else None
        self.model = fabric.setup_module(bare)
        self.ema = {name: value.clone() for name, value in bare.state_dict().items()}
        self.average_weight = torch.zeros((), device=fabric.device)
        self.captured: dict[Adversary | None, tuple[Captured, Captured]] = {}

    def gradients(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Leave clipped gradients in the parameters; returns losses, and the gradients' norms before clipping."""
        adversary = self._active(step)
        self._set_schedule(step)
        if not self.on_one_gpu:
            return self._gradients(adversary, batch)
        if adversary not in self.captured:
            captured = Captured(lambda *tensors: self._gradients(adversary, Batch(*tensors)))
            # In place of the graphs without the adversary, and of their memory.
            self.captured = {adversary: (captured, Captured(lambda: self._apply(adversary)))}
        return self.captured[adversary][0](*batch)

    def apply(self, step: int) -> None:
        """Move weights by their gradients, and the averaged ones after them."""
        adversary = self._active(step)
        if self.on_one_gpu:
            self.captured[adversary][1]()
        else:
            self._apply(adversary)

    def learning_rate(self, step: int) -> float:
        """Of the generator: linear warm-up, then a cosine that reaches zero at `max_steps`."""
        optimizer = self.config.optimizer
        warmup = min(1.0, (step + 1) / max(1, optimizer.warmup_steps))
        return optimizer.learning_rate * warmup * cosine(step, 0, self.config.max_steps)

    def _active(self, step: int) -> Adversary | None:
        """The adversary, where it takes part."""
        return self.adversary if self.adversary and self.adversary.active(step) else None

    def _set_schedule(self, step: int) -> None:
        """Set whatever depends on the number of the step."""
        set_learning_rate(self.optimizer, self.learning_rate(step))
        self.average_weight.fill_(average_weight(self.config.optimizer.ema_decay, step + 1))
        if adversary := self._active(step):
            adversary.set_schedule(step)

    def _gradients(self, adversary: Adversary | None, batch: Batch) -> dict[str, Tensor]:
        config, parts = self.config, self.config.accumulate
        self.optimizer.zero_grad()
        if adversary:
            adversary.optimizer.zero_grad()
        totals: dict[str, Tensor] = {}
        for i in range(parts):
            waiting = i < parts - 1  # gradients are summed over processes with those of the last part
            with self.fabric.no_backward_sync(self.model, enabled=waiting and self.fabric.world_size > 1):
                terms = self._accumulate(adversary, Batch(*(x[i::parts] for x in batch)))
            totals = {name: totals.get(name, 0) + value.detach() / parts for name, value in terms.items()}
        totals["grad_norm"] = nn.utils.clip_grad_norm_(self.bare.parameters(), config.optimizer.max_grad_norm)
        if adversary:
            totals["discriminator_grad_norm"] = adversary.clip()
        return totals

    def _accumulate(self, adversary: Adversary | None, batch: Batch) -> dict[str, Tensor]:
        """Add the gradients of one part of a batch; returns its losses."""
        config, parts = self.config, self.config.accumulate
        prior = batch.prior(self.bare)
        with torch.autocast(self.fabric.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            wave = self.model(batch.mel, batch.f0, prior)
        mel = self.loss(wave[:, 0], batch.audio)
        terms, sources, gradients = {"mel": mel}, [config.loss.mel_weight / parts * mel], [None]
        if adversary:
            gradient, judged = adversary.gradient(batch.audio[:, None], wave, parts)
            terms |= judged
            sources, gradients = [*sources, wave], [None, gradient / parts]
        torch.autograd.backward(sources, gradients)
        return terms

    def _apply(self, adversary: Adversary | None) -> None:
        self.optimizer.step()
        if adversary:
            adversary.optimizer.step()
        update_average(self.ema, self.bare.state_dict(), self.average_weight)
