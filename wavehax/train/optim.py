"""Optimisers, learning rates, gradient clipping and the averaged weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wavehax.train.config import AdversaryConfig, OptimizerConfig


def generator_optimizer(
    model: nn.Module, config: OptimizerConfig, captured: bool
) -> torch.optim.AdamW:
    """AdamW of the generator; `captured`: its steps are to be replayed as a CUDA graph."""
    betas = (config.beta1, config.beta2)
    return _adamw(model, config.learning_rate, betas, config.weight_decay, captured)


def discriminator_optimizer(
    model: nn.Module, config: AdversaryConfig, captured: bool
) -> torch.optim.AdamW:
    """AdamW of the discriminators, without weight decay; `captured` as for the generator."""
    return _adamw(model, config.learning_rate, (config.beta1, config.beta2), 0.0, captured)


def _adamw(
    model: nn.Module, learning_rate: float, betas: tuple[float, float], decay: float, captured: bool
) -> torch.optim.AdamW:
    parameters = list(model.parameters())
    fused = parameters[0].is_cuda  # one kernel instead of several for each of hundreds of tensors
    # What is captured reads its rate from memory.
    rate = torch.tensor(learning_rate, device=parameters[0].device) if captured else learning_rate
    return torch.optim.AdamW(
        parameters, rate, betas, weight_decay=decay, fused=fused, capturable=captured
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(learning_rate)
        else:
            group["lr"] = learning_rate


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[int, dict[str, Tensor]]) -> None:
    """Take up the state of each parameter, by its number; learning rates and the like stay as they
    are."""
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )


def cosine(step: int, first: int, last: int) -> float:
    """From 1 at step `first` to 0 at step `last`, half a period of a cosine."""
    return 0.5 * (1 + math.cos(math.pi * (step - first) / (last - first)))


def ramp(step: int, first: int, steps: int) -> float:
    """0 before step `first`, then rising over `steps` steps to 1."""
    return min(1.0, (step - first + 1) / max(1, steps)) if step >= first else 0.0


def update(
    optimizer: torch.optim.Optimizer, parameters: list[Tensor], max_grad_norm: float
) -> float:
    """One step on gradients clipped to `max_grad_norm`; returns their norm before.

    Raises:
        ValueError: the norm is not finite; the parameters are as they were.
    """
    grad_norm = float(nn.utils.clip_grad_norm_(parameters, max_grad_norm))
    if not math.isfinite(grad_norm):
        raise ValueError(
            f"the gradient's norm is {grad_norm}; lower the learning rate (the last checkpoint is"
            " untouched)"
        )
    optimizer.step()
    optimizer.zero_grad()
    return grad_norm


def average_weight(decay: float, step: int) -> float:
    """Share of the weights after `step` updates in the averaged ones.

    At first those follow quickly, or they would remember the initial weights for thousands of
    steps.
    """
    return 1 - min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def update_average(average: dict[str, Tensor], state: Mapping[str, Tensor], weight: Tensor) -> None:
    """Move the averaged weights towards `state` by `weight`, a tensor without dimensions, of the
    way."""
    averages = list(average.values())
    changes = torch._foreach_sub([state[name] for name in average], averages)
    torch._foreach_mul_(changes, weight)
    torch._foreach_add_(averages, changes)
