"""The adversary of a run: discriminators, their optimiser and what they make of pairs of waves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from wavehax.nn.discriminators import Discriminator, DiscriminatorConfig
from wavehax.train import distributed
from wavehax.train.config import AdversaryConfig
from wavehax.train.losses import (
    discriminator_loss,
    feature_matching_loss,
    generator_loss,
    win_rate,
)
from wavehax.train.optim import cosine, discriminator_optimizer, ramp, set_learning_rate


class Adversary:
    """Both sides of a step come from one pass of the discriminators over recordings and outputs.

    Generator and discriminators are then updated at the same time, each against the other as it was
    before. In the first `alone_steps` the discriminators learn against a generator that stands
    still.
    """

    def __init__(
        self, config: AdversaryConfig, fabric: Any, max_steps: int, sample_rate: int
    ) -> None:
        self.config, self.max_steps = config, max_steps
        preset = DiscriminatorConfig.preset(config.discriminator)
        self.bare = Discriminator(replace(preset, log_lowest=config.from_hz / sample_rate))
        self.model = fabric.setup_module(self.bare, move_to_device=True)
        captured = distributed.on_one_gpu(fabric)
        self.optimizer = discriminator_optimizer(self.bare, config, captured)
        self.scale = torch.zeros((), device=fabric.device)  # of the generator's adversarial losses

    def active(self, step: int) -> bool:
        return step >= self.config.start_step

    def alone(self, step: int) -> bool:
        """Whether the generator stands still in this step."""
        start = self.config.start_step
        return start <= step < start + self.config.alone_steps

    def set_weights(self, step: int) -> None:
        """Set the weight of the generator's adversarial losses in a step in which it is active."""
        first = self.config.start_step + self.config.alone_steps
        self.scale.fill_(ramp(step, first, self.config.ramp_steps))

    def set_learning_rate(self, step: int, won: float) -> None:
        """Set the learning rate of a step in which the win rate was `won`.

        It falls linearly from all of it at `win_rate` to nothing half-way between there and 1, so
        that a discriminator that wins too often waits for the generator.
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
            wave: what the generator made of them, [B, 1, N].

        Returns:
            The gradient of the generator's weighted adversarial losses with respect to `wave`, and
            what is logged: losses, the win rate, and the loss of each sub-discriminator.
        """
        config = self.config
        fake = wave.detach().requires_grad_()
        with torch.autocast(wave.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            outputs, maps = self.model(torch.cat([real, fake]))
        real_outputs, fake_outputs = zip(
            *(output.float().chunk(2) for output in outputs), strict=True
        )
        halves = [[feature_map.float().chunk(2) for feature_map in part] for part in maps]
        sides = ([[half[side] for half in part] for part in halves] for side in (0, 1))
        matching = feature_matching_loss(*sides, normalized=config.normalize_features)
        adversarial = generator_loss(fake_outputs, config.loss)
        weighted = config.adversarial_weight * adversarial + config.feature_weight * matching
        (gradient,) = torch.autograd.grad(self.scale * weighted, fake, retain_graph=True)
        of_real, of_fake = discriminator_loss(real_outputs, fake_outputs, config.loss)
        ((of_real + of_fake) / parts).backward(inputs=list(self.bare.parameters()))
        terms = {"adversarial": adversarial, "feature_matching": matching}
        terms |= {"discriminator_real": of_real, "discriminator_fake": of_fake}
        terms["win_rate"] = win_rate(real_outputs, fake_outputs, config.loss)
        return gradient, terms | self._scales(real_outputs, fake_outputs)

    def _scales(self, real: tuple[Tensor, ...], fake: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """The loss of each sub-discriminator, by what it looks at."""
        pairs = zip(self.bare.config.names, real, fake, strict=True)
        return {
            f"discriminator_{name}": sum(
                discriminator_loss([a.detach()], [b.detach()], self.config.loss)
            )
            for name, a, b in pairs
        }

    def clip(self) -> Tensor:
        """Clip the discriminators' gradients; returns their norm before."""
        return nn.utils.clip_grad_norm_(self.bare.parameters(), self.config.max_grad_norm)
