"""The training loop: batches, steps, checkpoints that resume to the same numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from wavehax.data.batch import Batch
from wavehax.data.resident import ResidentDataset, ahead
from wavehax.data.segments import SegmentDataset
from wavehax.nn import BaseGenerator
from wavehax.train import distributed
from wavehax.train.config import TrainConfig
from wavehax.train.monitor import Monitor
from wavehax.train.optim import load_optimizer
from wavehax.train.start import (
    initialize,
    initialize_discriminators,
    load_discriminators,
    untrained,
)
from wavehax.train.state import flatten, load_state, newest, save_state, unflatten
from wavehax.train.update import Update
from wavehax.train.values import config_from_dict, config_to_dict

if TYPE_CHECKING:
    from lightning_fabric import Fabric

# The fields of the configuration that a resumed run may change.
_RESUMABLE = {
    "max_steps",
    *("run_dir", "init_from", "adversary.init_from", "teacher.model", "data.path"),  # places
    *("checkpoint_minutes", "keep_checkpoints"),
    *("accelerator", "devices", "num_nodes", "threads", "data.workers", "data.resident"),
    *("precision", "adversary.precision"),
    *("monitor.every_steps", "monitor.validation", "monitor.segments"),
}


class Trainer:
    """A training run in `config.run_dir`, which takes up one that is there.

    The folder gets `checkpoints/`, `log.csv` and TensorBoard events. All randomness of a step is a
    function of (seed, step, segment), so that a checkpoint holds weights, averages, optimisers and
    the step only. Every process of a distributed run has a Trainer; the first one writes.
    """

    def __init__(self, config: TrainConfig, fabric: Fabric | None = None) -> None:
        """
        Args:
            config: the run's configuration.
            fabric: a Fabric that has been launched. Without one the Trainer launches its own.

        Raises:
            OSError: prepared data, `init_from` or a checkpoint cannot be read.
            ValueError: they do not fit, or the run in `run_dir` was made with another
                configuration.
        """
        self.config, self.run_dir = config, Path(config.run_dir)
        self.fabric = fabric or distributed.start(config)
        torch.manual_seed(config.seed)  # for the initial weights; nothing is drawn from it later
        self.data: SegmentDataset | ResidentDataset = self._dataset()
        model = self._build_generator()
        if config.init_from and newest(self.checkpoints) is None:
            initialize(model, config.init_from)
        self.update = Update(config, self.fabric, model.to(self.fabric.device))
        self._check_segments()
        if adversary := self.update.adversary:
            source = adversary.config.init_from
            if source and newest(self.checkpoints) is None:
                initialize_discriminators(adversary, source)
        self.step, self.seconds = 0, 0.0
        if checkpoint := newest(self.checkpoints):
            self.resume(checkpoint)
        self._check_step()

    @property
    def bare(self) -> BaseGenerator:
        """The generator, without what Fabric wraps it in."""
        return self.update.bare

    @property
    def ema(self) -> dict[str, Tensor]:
        """The averaged weights, by name."""
        return self.update.ema

    @property
    def checkpoints(self) -> Path:
        return self.run_dir / "checkpoints"

    def _dataset(self) -> SegmentDataset | ResidentDataset:
        config, seed, device = self.config, self.config.seed, self.fabric.device
        if config.data.resident:
            return ResidentDataset(config.data, config.feature_config, seed, device, config.outputs)
        return SegmentDataset(config.data, config.feature_config, seed, config.outputs)

    def _build_generator(self) -> BaseGenerator:
        return untrained(self.config, self.data.mel_mean, self.data.mel_scale)

    def _check_segments(self) -> None:
        data, adversary = self.config.data, self.update.adversary
        least = adversary.bare.config.min_samples if adversary else 0
        heard = data.segment_frames * self.config.generator.hop_length - data.shift_samples
        if heard < least:
            raise ValueError(
                f"data.segment_frames={data.segment_frames}: the discriminators need {least}"
                f" samples, and hear {heard}"
            )

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
        """Whether it is time for a checkpoint in the first process, which decides for all."""
        if self.fabric.world_size == 1:
            return mine
        return bool(self.fabric.broadcast(mine))

    def batches(self) -> Iterator[Batch]:
        """This process' share of the batch of each step, from the present one to the last."""
        share = self.config.data.batch_size // self.fabric.world_size
        steps = range(self.step, self.config.max_steps)
        items = range(share * self.fabric.global_rank, share * (self.fabric.global_rank + 1))
        data, workers = self.data, self.config.data.workers
        if isinstance(data, ResidentDataset):
            yield from ahead(lambda step: data.batch(step, items), steps, self.fabric.device)
            return
        loader: DataLoader[Batch] = DataLoader(
            _Shares(data, items), batch_size=None, sampler=steps, num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
            pin_memory=self.fabric.device.type == "cuda",
        )  # fmt: skip
        for batch in loader:
            yield Batch(*(x.to(self.fabric.device, non_blocking=True) for x in batch))

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Update the generator and, once it is active, the adversary.

        Args:
            batch: this process' share, on its device.

        Returns:
            Losses, gradient norms before clipping and learning rate, the same in every process.

        Raises:
            ValueError: a loss or a gradient's norm is not finite; the last checkpoint is untouched.
        """
        row = self._reduced(self.update.gradients(batch, self.step))
        self.update.apply(self.step, row)
        self.step += 1
        return {**row, "learning_rate": self.update.learning_rate(self.step - 1)}

    def _reduced(self, terms: dict[str, Tensor]) -> dict[str, float]:
        """Losses and norms, averaged over all processes and found to be finite."""
        mine = torch.stack([value.float() for value in terms.values()])
        mean = cast(Tensor, self.fabric.all_reduce(mine, reduce_op="mean"))  # as its argument is
        row = dict(zip(terms, mean.tolist(), strict=True))
        for name, value in row.items():
            if not abs(value) < float("inf"):
                what = name if name.endswith("norm") else f"{name} loss"
                raise ValueError(
                    f"step {self.step}: {what} is {value}; lower the learning rate (the last"
                    " checkpoint is untouched)"
                )
        return row

    def save(self) -> None:
        """Write a checkpoint, in the first process alone."""
        if self.fabric.is_global_zero:
            tensors = flatten("model", self.bare.state_dict()) | flatten("ema", self.ema)
            tensors |= flatten("optimizer", self.update.optimizer.state_dict()["state"])
            if adversary := self.update.adversary:
                tensors |= flatten("discriminator", adversary.bare.state_dict())
                tensors |= flatten(
                    "discriminator_optimizer", adversary.optimizer.state_dict()["state"]
                )
            values = {"config": config_to_dict(self.config), "seconds": self.seconds}
            save_state(self.checkpoints, self.step, tensors, values, self.config.keep_checkpoints)
        self.fabric.barrier()

    def resume(self, checkpoint: Path) -> None:
        """Take up the run at a checkpoint.

        Raises:
            ValueError: its configuration differs in a field that may not change, or it is beyond
                `max_steps`.
        """
        tensors, values = load_state(checkpoint)
        mine = _flat(config_to_dict(self.config))
        theirs = _flat(config_to_dict(config_from_dict(values["config"])))
        for key in sorted(mine.keys() | theirs.keys()):
            if key not in _RESUMABLE and mine.get(key) != theirs.get(key):
                raise ValueError(
                    f"{key}={mine.get(key)}: the run in {self.run_dir} has {theirs.get(key)};"
                    " choose another run_dir"
                )
        if values["step"] > self.config.max_steps:
            raise ValueError(
                f"max_steps={self.config.max_steps}: the run in {self.run_dir} is at step"
                f" {values['step']}"
            )
        self.bare.load_state_dict(unflatten("model", tensors))
        for name, value in unflatten("ema", tensors).items():
            self.ema[name].copy_(value)
        load_optimizer(self.update.optimizer, unflatten("optimizer", tensors))
        if adversary := self.update.adversary:
            load_discriminators(adversary, tensors)
        self.step, self.seconds = values["step"], values["seconds"]

    def _check_step(self) -> None:
        """Raise ValueError unless all processes found the same checkpoint."""
        first = self.fabric.broadcast(self.step)
        if first != self.step:
            raise ValueError(
                f"run_dir={self.run_dir}: step {self.step} here, {first} in the first process;"
                " expected one folder that all machines share"
            )


class _Shares(Dataset[Batch]):
    """Some items of the batches of a dataset, by step."""

    def __init__(self, data: SegmentDataset, items: range) -> None:
        self.data, self.items = data, items

    def __getitem__(self, step: int) -> Batch:
        return Batch.of(self.data.batch(step, self.items))

    def __len__(self) -> int:
        return 2**31  # DataLoader needs a number, but the sampler decides


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Flatten sections, whose fields get names such as `data.path`."""
    flat = {key: value for key, value in values.items() if not isinstance(value, dict)}
    for section, fields in values.items():
        if isinstance(fields, dict):
            flat |= {f"{section}.{name}": value for name, value in fields.items()}
    return flat
