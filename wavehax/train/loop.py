"""The training loop: one step on one page, checkpoints that resume to the same numbers."""

from __future__ import annotations

import csv
import math
import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wavehax.nn import build_generator
from wavehax.train.config import TrainConfig, config_from_dict, config_to_dict
from wavehax.train.data import SegmentDataset
from wavehax.train.losses import MultiMelLoss

_LOG_FIELDS = ("step", "loss", "grad_norm", "learning_rate", "seconds")
_STATE_FIELDS = ("config", "model", "ema", "optimizer", "step", "seconds")  # of a checkpoint
_RESUMABLE = {"max_steps", "run_dir", "threads", "checkpoint_minutes"}  # a resumed run may change these


class Trainer:
    """A training run in `config.run_dir`: `checkpoint.pt` and `log.csv`; takes up a run that is there.

    All randomness of a step is a function of (seed, step), so a checkpoint holds weights, EMA, optimiser and step only.
    """

    def __init__(self, config: TrainConfig) -> None:
        """
        Raises:
            ValueError: the run in `run_dir` was made with another configuration.
        """
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config, self.run_dir = config, Path(config.run_dir)
        self.data = SegmentDataset(config.data, config.feature_config, config.seed)
        self.model = build_generator(config.generator)
        self.model.set_normalization(torch.from_numpy(self.data.mel_mean), torch.from_numpy(self.data.mel_scale))
        if config.generator.output == "excitation":
            self.model.initialize_envelope(config.feature_config)
        loss = config.loss
        self.loss = MultiMelLoss(config.generator.sample_rate, loss.n_ffts, loss.n_mels, loss.floor)
        optimizer = config.optimizer
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=optimizer.learning_rate,
            betas=(optimizer.beta1, optimizer.beta2),
            weight_decay=optimizer.weight_decay,
        )
        self.ema = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.step, self.seconds = 0, 0.0
        self.run_dir.mkdir(parents=True, exist_ok=True)
        if self.checkpoint_path.exists():
            self.resume()

    @property
    def checkpoint_path(self) -> Path:
        return self.run_dir / "checkpoint.pt"

    @property
    def log_path(self) -> Path:
        return self.run_dir / "log.csv"

    def run(self) -> None:
        """Train to `max_steps`, with a checkpoint every `checkpoint_minutes` and at the end."""
        self.model.train()
        self._trim_log()
        started = saved = time.monotonic()
        first, seconds_before = self.step, self.seconds
        with open(self.log_path, "a", newline="") as file:
            log = csv.writer(file)
            while self.step < self.config.max_steps:
                loss, grad_norm, learning_rate = self.train_step()
                now = time.monotonic()
                self.seconds = seconds_before + now - started
                log.writerow([self.step, repr(loss), repr(grad_norm), f"{learning_rate:.6g}", f"{self.seconds:.1f}"])
                self._show_progress(loss, (self.step - first) / (now - started))
                if now - saved > 60 * self.config.checkpoint_minutes:
                    file.flush()
                    self.save()
                    saved = now
        self.save()
        print(file=sys.stderr)

    def train_step(self) -> tuple[float, float, float]:
        """One update; returns loss, gradient norm before clipping, learning rate."""
        batch = self.data.batch(self.step)
        # Of the prior's phase and noise. Python's hash of integers is the same in every process.
        torch.manual_seed(hash((self.config.seed, self.step)))
        learning_rate = self.learning_rate(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        wave = self.model(torch.from_numpy(batch.mel), torch.from_numpy(batch.f0))
        loss = self.loss(wave[:, 0], torch.from_numpy(batch.audio))
        if not torch.isfinite(loss):
            raise ValueError(
                f"step {self.step}: loss is {loss.item()}; lower the learning rate (the last checkpoint is untouched)"
            )
        self.optimizer.zero_grad()
        loss.backward()
        grad_norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optimizer.max_grad_norm)
        self.optimizer.step()
        self.step += 1
        self._update_ema()
        return loss.item(), float(grad_norm), learning_rate

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then a cosine that reaches zero at `max_steps`."""
        optimizer = self.config.optimizer
        warmup = min(1.0, (step + 1) / max(1, optimizer.warmup_steps))
        return optimizer.learning_rate * warmup * 0.5 * (1 + math.cos(math.pi * step / self.config.max_steps))

    @torch.no_grad()
    def _update_ema(self) -> None:
        # At first the average follows quickly, or it would remember the initial weights for thousands of steps.
        decay = min(self.config.optimizer.ema_decay, (1 + self.step) / (10 + self.step))
        for name, value in self.model.state_dict().items():
            self.ema[name].lerp_(value, 1 - decay)

    def save(self) -> None:
        """Write the checkpoint: to a temporary file, synced, then renamed."""
        state = {
            "config": config_to_dict(self.config),
            "model": self.model.state_dict(),
            "ema": self.ema,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        temporary = self.checkpoint_path.with_suffix(".tmp")
        with open(temporary, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.checkpoint_path)

    def resume(self) -> None:
        """Take up the run at its checkpoint.

        Raises:
            ValueError: the checkpoint's configuration differs in more than length, place and threads.
        """
        state = load_checkpoint(self.checkpoint_path)
        mine, theirs = config_to_dict(self.config), config_to_dict(config_from_dict(state["config"]))
        changed = [key for key in mine if key not in _RESUMABLE and mine[key] != theirs[key]]
        if changed:
            raise ValueError(f"{self.checkpoint_path}: made with another {', '.join(changed)}; choose another run_dir")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.ema, self.step, self.seconds = state["ema"], state["step"], state["seconds"]

    def _trim_log(self) -> None:
        """Keep the rows of the log up to the checkpoint; what came after is computed again."""
        rows = []
        if self.step > 0 and self.log_path.exists():
            with open(self.log_path, newline="") as file:
                # The last row may be cut short where the run was killed.
                whole = [row for row in list(csv.reader(file))[1:] if len(row) == len(_LOG_FIELDS)]
                rows = [row for row in whole if int(row[0]) <= self.step]
        temporary = self.log_path.with_suffix(".tmp")
        with open(temporary, "w", newline="") as file:
            csv.writer(file).writerows([_LOG_FIELDS, *rows])
        os.replace(temporary, self.log_path)

    def _show_progress(self, loss: float, steps_per_second: float) -> None:
        step, last = self.step, self.config.max_steps
        minutes = (last - step) / steps_per_second / 60
        text = f"step {step}/{last}  loss {loss:.4f}  {steps_per_second:.2f} steps/s  {minutes:.1f} min left"
        if sys.stderr.isatty():
            print(f"\r{text}  ", end="", file=sys.stderr, flush=True)
        elif step % 50 == 0 or step == last:
            print(text, file=sys.stderr, flush=True)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The contents of a training checkpoint; no code in the file is run.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, or no training checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError) as error:
        raise ValueError(f"{path}: damaged, or no training checkpoint") from error
    missing = [name for name in _STATE_FIELDS if not isinstance(state, dict) or name not in state]
    if missing:
        raise ValueError(f"{path}: no training checkpoint, {', '.join(missing)} missing")
    return state
