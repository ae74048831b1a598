"""The adversary of a run: discriminators, their optimiser and what they make of a pair of waveforms."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from wavehax.nn.discriminators import Discriminator, DiscriminatorConfig
from wavehax.train import distributed
from wavehax.train.adversarial import discriminator_loss, feature_matching_loss, generator_loss
from wavehax.train.config import AdversaryConfig
from wavehax.train.optim import cosine, discriminator_optimizer, ramp, set_learning_rate


class Adversary:
    """Both sides of one step come from one pass of the discriminators over recordings and generated waves together.

    Generator and discriminators are then updated at the same time, each against the other as it was before.
    """

    def __init__(self, config: AdversaryConfig, fabric: Any, max_steps: int) -> None:
        self.config, self.max_steps = config, max_steps
        self.bare = Discriminator(DiscriminatorConfig.preset(config.discriminator))
        self.model = fabric.setup_module(self.bare, move_to_device=True)
        self.optimizer = discriminator_optimizer(self.bare, config, distributed.on_one_gpu(fabric))
        self.scale = torch.zeros((), device=fabric.device)  # of the generator's adversarial losses

    def active(self, step: int) -> bool:
        return step >= self.config.start_step

    def set_schedule(self, step: int) -> None:
        """Learning rate and weights of a step in which it is active."""
        config = self.config
        set_learning_rate(self.optimizer, config.learning_rate * cosine(step, config.start_step, self.max_steps))
        self.scale.fill_(ramp(step, config.start_step, config.ramp_steps))

    def gradient(self, real: Tensor, wave: Tensor, parts: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Judge a batch (or one of `parts` of it), and leave the discriminators' gradients in their parameters.

        Args:
            real, wave: recordings and what the generator made of them, [B, 1, N].

        Returns:
            The gradient of the generator's weighted adversarial losses with respect to `wave`, and the losses.
        """
        config = self.config
        fake = wave.detach().requires_grad_()
        with torch.autocast(wave.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            outputs, maps = self.model(torch.cat([real, fake]))
        real_outputs, fake_outputs = zip(*(output.float().chunk(2) for output in outputs), strict=True)
        halves = [[feature_map.float().chunk(2) for feature_map in part] for part in maps]
        matching = feature_matching_loss(*([[half[side] for half in part] for part in halves] for side in (0, 1)))
        adversarial = generator_loss(fake_outputs, config.loss)
        weighted = config.adversarial_weight * adversarial + config.feature_weight * matching
        (gradient,) = torch.autograd.grad(self.scale * weighted, fake, retain_graph=True)
        of_real, of_fake = discriminator_loss(real_outputs, fake_outputs, config.loss)
        ((of_real + of_fake) / parts).backward(inputs=list(self.bare.parameters()))
        terms = {"adversarial": adversarial, "feature_matching": matching}
        return gradient, {**terms, "discriminator_real": of_real, "discriminator_fake": of_fake}

    def clip(self) -> Tensor:
        """Clip the discriminators' gradients; returns their norm before."""
        return nn.utils.clip_grad_norm_(self.bare.parameters(), self.config.max_grad_norm)
