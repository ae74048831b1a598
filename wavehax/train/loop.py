"""The training loop: one step on one page, checkpoints that resume to the same numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from wavehax.nn import BaseGenerator, build_generator
from wavehax.train import distributed
from wavehax.train.adversary import Adversary
from wavehax.train.config import TrainConfig, config_from_dict, config_to_dict
from wavehax.train.data import Batch, SegmentDataset
from wavehax.train.losses import MultiMelLoss
from wavehax.train.monitor import Monitor
from wavehax.train.optim import cosine, generator_optimizer, set_learning_rate, update, update_average
from wavehax.train.resident import ResidentDataset
from wavehax.train.start import initialize
from wavehax.train.state import flatten, load_state, newest, save_state, unflatten

# What a resumed run may change: its length, its place, how it is computed and what it tells.
_RESUMABLE = {
    *("max_steps", "run_dir", "init_from", "data.path", "checkpoint_minutes", "keep_checkpoints"),
    *("accelerator", "devices", "num_nodes", "threads", "data.workers", "data.resident"),
    *("precision", "adversary.precision"),
    *("monitor.every_steps", "monitor.validation", "monitor.segments"),
}


class Trainer:
    """A training run in `config.run_dir` (`checkpoints/`, `log.csv`, TensorBoard events); takes up one that is there.

    All randomness of a step is a function of (seed, step, segment), so a checkpoint holds weights, averages, optimisers
    and the step only. Every process of a distributed run has a Trainer; the first one writes.
    """

    def __init__(self, config: TrainConfig, fabric: Any | None = None) -> None:
        """
        Raises:
            FileNotFoundError, OSError: prepared data, `init_from` or a checkpoint cannot be read.
            ValueError: they do not fit, or the run in `run_dir` was made with another configuration.
        """
        self.config, self.run_dir = config, Path(config.run_dir)
        self.fabric = fabric or distributed.start(config)
        torch.manual_seed(config.seed)  # of the initial weights; nothing is drawn from it later
        self.data = self._dataset()
        self.bare = self._build_generator().to(self.fabric.device)
        self.optimizer = generator_optimizer(self.bare, config.optimizer)
        loss = config.loss
        self.loss = MultiMelLoss(config.generator.sample_rate, loss.n_ffts, loss.n_mels, loss.floor)
        self.adversary = Adversary(config.adversary, self.fabric, config.max_steps) if config.adversary else None
        self._check_segments()
        self.model = self.fabric.setup_module(self.bare)
        self.loss.to(self.fabric.device)
        self.ema = {name: value.clone() for name, value in self.bare.state_dict().items()}
        self.step, self.seconds = 0, 0.0
        if checkpoint := newest(self.checkpoints):
            self.resume(checkpoint)
        self._check_step()

    @property
    def checkpoints(self) -> Path:
        return self.run_dir / "checkpoints"

    def _dataset(self) -> SegmentDataset:
        config = self.config
        if config.data.resident:
            return ResidentDataset(config.data, config.feature_config, config.seed, self.fabric.device)
        return SegmentDataset(config.data, config.feature_config, config.seed)

    def _build_generator(self) -> BaseGenerator:
        config, data = self.config, self.data
        model = build_generator(config.generator)
        model.set_normalization(data.mel_mean, data.mel_scale)
        if config.generator.output == "excitation":
            model.initialize_envelope(config.feature_config)
        if config.init_from and newest(self.checkpoints) is None:
            initialize(model, Path(config.init_from))
        return model

    def _check_segments(self) -> None:
        frames = self.config.data.segment_frames
        least = self.adversary.bare.config.min_samples if self.adversary else 0
        if frames * self.config.generator.hop_length < least:
            raise ValueError(f"data.segment_frames={frames}: the discriminators need {least} samples")

    def run(self) -> None:
        """Train to `max_steps`, with a checkpoint every `checkpoint_minutes` and at the end."""
        config = self.config
        self.bare.train()
        started = saved = time.monotonic()
        seconds_before = self.seconds
        with Monitor(config, self.fabric, self.data.features, self.step) as monitor:
            for batch in self.batches():
                row = self.train_step(batch)
                now = time.monotonic()
                self.seconds = seconds_before + now - started
                monitor.log(self.step, row, self.seconds)
                monitor.sample(self.step, self.ema)
                if self._due(now - saved > 60 * config.checkpoint_minutes):
                    self.save()
                    saved = now
        self.save()

    def _due(self, mine: bool) -> bool:
        """Whether the first process finds it time for a checkpoint: all must do the same."""
        if self.fabric.world_size == 1:
            return mine
        return bool(self.fabric.broadcast(mine))

    def batches(self) -> Iterator[Batch]:
        """This process' share of the batch of each step from the present one on."""
        share = self.config.data.batch_size // self.fabric.world_size
        steps = range(self.step, self.config.max_steps)
        items = range(share * self.fabric.global_rank, share * (self.fabric.global_rank + 1))
        if self.config.data.resident:
            yield from (self.data.batch(step, items) for step in steps)
            return
        shares = _Shares(self.data, items)
        workers = self.config.data.workers
        loader = DataLoader(
            shares, batch_size=None, sampler=steps, num_workers=workers,
            multiprocessing_context="spawn" if workers else None, pin_memory=self.fabric.device.type == "cuda",
        )  # fmt: skip
        for batch in loader:
            yield Batch(*(x.to(self.fabric.device, non_blocking=True) for x in batch))

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One update of generator and, once it is active, adversary.

        Args:
            batch: tensors, this process' share.

        Returns:
            Losses, gradient norms before clipping and learning rate, the same in every process.

        Raises:
            ValueError: a loss that is not finite; the last checkpoint is untouched.
        """
        config, parts = self.config, self.config.accumulate
        learning_rate = self.learning_rate(self.step)
        set_learning_rate(self.optimizer, learning_rate)
        totals: dict[str, Tensor] = {}
        for i in range(parts):
            waiting = i < parts - 1  # gradients are summed over processes with those of the last part
            with self.fabric.no_backward_sync(self.model, enabled=waiting and self.fabric.world_size > 1):
                terms = self._accumulate(Batch(*(x[i::parts] for x in batch)))
            totals = {name: totals.get(name, 0) + value.detach() / parts for name, value in terms.items()}
        row = self._reduced(totals)
        row["grad_norm"] = update(self.optimizer, list(self.bare.parameters()), config.optimizer.max_grad_norm)
        if self.adversary and self.adversary.active(self.step):
            row["discriminator_grad_norm"] = self.adversary.update(self.step)
        self.step += 1
        update_average(self.ema, self.bare.state_dict(), config.optimizer.ema_decay, self.step)
        return {**row, "learning_rate": learning_rate}

    def _accumulate(self, batch: Batch) -> dict[str, Tensor]:
        """Add the gradients of one part of a batch; returns its losses."""
        config, parts = self.config, self.config.accumulate
        prior = batch.prior(self.bare)
        with torch.autocast(self.fabric.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            wave = self.model(batch.mel, batch.f0, prior)
        mel = self.loss(wave[:, 0], batch.audio)
        terms, sources, gradients = {"mel": mel}, [config.loss.mel_weight / parts * mel], [None]
        if self.adversary and self.adversary.active(self.step):
            gradient, judged = self.adversary.gradient(batch.audio[:, None], wave, self.step, parts)
            terms |= judged
            sources, gradients = [*sources, wave], [None, gradient / parts]
        torch.autograd.backward(sources, gradients)
        return terms

    def _reduced(self, terms: dict[str, Tensor]) -> dict[str, float]:
        """Losses averaged over all processes, checked."""
        values = self.fabric.all_reduce(torch.stack([value.float() for value in terms.values()]), reduce_op="mean")
        row = dict(zip(terms, values.tolist(), strict=True))
        for name, value in row.items():
            if not abs(value) < float("inf"):
                raise ValueError(
                    f"step {self.step}: {name} loss is {value}; lower the learning rate"
                    " (the last checkpoint is untouched)"
                )
        return row

    def learning_rate(self, step: int) -> float:
        """Of the generator: linear warm-up, then a cosine that reaches zero at `max_steps`."""
        optimizer = self.config.optimizer
        warmup = min(1.0, (step + 1) / max(1, optimizer.warmup_steps))
        return optimizer.learning_rate * warmup * cosine(step, 0, self.config.max_steps)

    def save(self) -> None:
        """Write a checkpoint, in the first process alone."""
        if self.fabric.is_global_zero:
            tensors = flatten("model", self.bare.state_dict()) | flatten("ema", self.ema)
            tensors |= flatten("optimizer", self.optimizer.state_dict()["state"])
            if self.adversary:
                tensors |= flatten("discriminator", self.adversary.bare.state_dict())
                tensors |= flatten("discriminator_optimizer", self.adversary.optimizer.state_dict()["state"])
            values = {"config": config_to_dict(self.config), "seconds": self.seconds}
            save_state(self.checkpoints, self.step, tensors, values, self.config.keep_checkpoints)
        self.fabric.barrier()

    def resume(self, checkpoint: Path) -> None:
        """Take up the run at a checkpoint.

        Raises:
            ValueError: its configuration differs in more than length, place and how the run is computed, or processes
            found different checkpoints (machines of one run share its run_dir).
        """
        tensors, values = load_state(checkpoint)
        mine, theirs = _flat(config_to_dict(self.config)), _flat(config_to_dict(config_from_dict(values["config"])))
        for key in sorted(mine.keys() | theirs.keys()):
            if key not in _RESUMABLE and mine.get(key) != theirs.get(key):
                raise ValueError(
                    f"{key}={mine.get(key)}: the run in {self.run_dir} has {theirs.get(key)}; choose another run_dir"
                )
        if values["step"] > self.config.max_steps:
            raise ValueError(
                f"max_steps={self.config.max_steps}: the run in {self.run_dir} is at step {values['step']}"
            )
        self.bare.load_state_dict(unflatten("model", tensors))
        self.ema = {name: value.to(self.fabric.device) for name, value in unflatten("ema", tensors).items()}
        _load_optimizer(self.optimizer, unflatten("optimizer", tensors))
        if self.adversary:
            self.adversary.bare.load_state_dict(unflatten("discriminator", tensors))
            _load_optimizer(self.adversary.optimizer, unflatten("discriminator_optimizer", tensors))
        self.step, self.seconds = values["step"], values["seconds"]

    def _check_step(self) -> None:
        first = self.fabric.broadcast(self.step)
        if first != self.step:
            raise ValueError(
                f"run_dir={self.run_dir}: step {self.step} here, {first} in the first process;"
                " expected one folder that all machines share"
            )


class _Shares:
    """Some items of the batches of a dataset, by step, as tensors."""

    def __init__(self, data: SegmentDataset, items: range) -> None:
        self.data, self.items = data, items

    def __getitem__(self, step: int) -> Batch:
        return Batch(*map(torch.from_numpy, self.data.batch(step, self.items)))

    def __len__(self) -> int:  # DataLoader asks; the sampler decides
        return 2**31


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Nested sections under names such as `data.path`."""
    flat = {key: value for key, value in values.items() if not isinstance(value, dict)}
    for section, fields in values.items():
        if isinstance(fields, dict):
            flat |= {f"{section}.{name}": value for name, value in fields.items()}
    return flat


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[int, dict[str, Tensor]]) -> None:
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
