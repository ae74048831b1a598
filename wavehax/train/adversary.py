"""The adversary of a run: discriminators, their optimiser and their judgement of pairs of waves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from wavehax.nn.discriminators import Discriminator, DiscriminatorConfig, Judgement
from wavehax.train import distributed
from wavehax.train.config import AdversaryConfig
from wavehax.train.losses import (
    discriminator_loss,
    feature_matching_loss,
    generator_loss,
    win_rate,
)
from wavehax.train.optim import cosine, discriminator_optimizer, ramp, set_learning_rate

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Adversary:
    """Discriminators that learn beside a generator and give it gradients.

    One pass of the discriminators over recordings, and one over outputs, serve both. Generator and
    discriminators are then updated at the same time, each against the other as it was before. In
    the first `alone_steps` the discriminators learn and the generator stands still.
    """

    def __init__(
        self, config: AdversaryConfig, fabric: Fabric, max_steps: int, sample_rate: int
    ) -> None:
        self.config, self.max_steps = config, max_steps
        preset = DiscriminatorConfig.preset(config.discriminator)
        self.bare = Discriminator(replace(preset, log_lowest=config.from_hz / sample_rate))
        self.model = fabric.setup_module(self.bare, move_to_device=True)
        captured = distributed.on_one_gpu(fabric)
        self.optimizer = discriminator_optimizer(self.bare, config, captured)
        self.scale = torch.zeros((), device=fabric.device)  # weight of the adversarial losses

    def active(self, step: int) -> bool:
        """Whether the discriminators take part in this step."""
        return step >= self.config.start_step

    def alone(self, step: int) -> bool:
        """Whether the generator stands still in this step."""
        start = self.config.start_step
        return start <= step < start + self.config.alone_steps

    def set_weights(self, step: int) -> None:
        """Set the weight of the generator's adversarial losses, from 0 to 1, in an active step."""
        first = self.config.start_step + self.config.alone_steps
        self.scale.fill_(ramp(step, first, self.config.ramp_steps))

    def set_learning_rate(self, step: int, won: float) -> None:
        """Set the learning rate of a step in which the win rate was `won`.

        Up to the configured `win_rate` it is that of the schedule. Above, it falls linearly to 0
        half-way to a win rate of 1, so that discriminators that win too often wait for the
        generator.
        """
        config = self.config
        rate = config.learning_rate * cosine(step, config.start_step, self.max_steps)
        if config.win_rate < 1:
            excess = (won - config.win_rate) / (1 - config.win_rate)
            rate *= min(1.0, max(0.0, 1 - 2 * excess))
        set_learning_rate(self.optimizer, rate)

    def judge(self, real: Tensor, wave: Tensor, parts: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Judge a batch (or one of `parts` of it), and add to the discriminators' gradients.

        Args:
            real: recordings, [B, 1, N].
            wave: outputs of the generator for them, [B, 1, N].
            parts: in how many parts the batch passes.

        Returns:
            The gradient of the generator's weighted adversarial losses with respect to `wave`, and
            the numbers for the log: losses, the win rate, and the loss of each sub-discriminator.
        """
        config = self.config
        fake = wave.detach().requires_grad_()
        # Two passes, since the gradient with respect to `fake` needs only the second one again.
        real_outputs, real_maps = self._hear(real)
        fake_outputs, fake_maps = self._hear(fake)
        matching = feature_matching_loss(real_maps, fake_maps, config.normalize_features)
        adversarial = generator_loss(fake_outputs, config.loss)
        weighted = config.adversarial_weight * adversarial + config.feature_weight * matching
        (gradient,) = torch.autograd.grad(self.scale * weighted, fake, retain_graph=True)
        of_real, of_fake = discriminator_loss(real_outputs, fake_outputs, config.loss)
        ((of_real + of_fake) / parts).backward(inputs=list(self.bare.parameters()))
        terms = {"adversarial": adversarial, "feature_matching": matching}
        terms |= {"discriminator_real": of_real, "discriminator_fake": of_fake}
        terms["win_rate"] = win_rate(real_outputs, fake_outputs, config.loss)
        return gradient, terms | self._scales(real_outputs, fake_outputs)

    def _hear(self, wave: Tensor) -> Judgement:
        """Outputs and feature maps for waves [B, 1, N], in float32."""
        with torch.autocast(
            wave.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"
        ):
            outputs, maps = self.model(wave)
        return [x.float() for x in outputs], [[x.float() for x in part] for part in maps]

    def _scales(self, real: Sequence[Tensor], fake: Sequence[Tensor]) -> dict[str, Tensor]:
        """The loss of each sub-discriminator, under its name in the log."""
        losses = {}
        for name, a, b in zip(self.bare.config.names, real, fake, strict=True):
            of_real, of_fake = discriminator_loss([a.detach()], [b.detach()], self.config.loss)
            losses[f"discriminator_{name}"] = of_real + of_fake
        return losses

    def clip(self) -> Tensor:
        """Clip the discriminators' gradients, and return their norm before."""
        return nn.utils.clip_grad_norm_(self.bare.parameters(), self.config.max_grad_norm)
