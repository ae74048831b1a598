"""What a run tells: a row of `log.csv` for every step, a line of progress, and samples for
TensorBoard."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wavehax.config import FeatureConfig
from wavehax.data.config import DataConfig
from wavehax.data.segments import Batch, SegmentDataset
from wavehax.files.progress import Progress
from wavehax.mel.features import log_mel
from wavehax.nn import build_generator
from wavehax.nn.discriminators import DiscriminatorConfig
from wavehax.train.config import TrainConfig

_SCORES = (
    *("mel", "log_magnitude", "unvoiced", "feature_matching", "adversarial"),
    *("discriminator_real", "discriminator_fake", "win_rate"),
)


def fields(config: TrainConfig) -> list[str]:
    """The columns of a run's log.csv: those of every run, and the loss of each
    sub-discriminator."""
    scales = []
    if config.adversary:
        names = DiscriminatorConfig.preset(config.adversary.discriminator).names
        scales = [f"discriminator_{name}" for name in names]
    rest = ("grad_norm", "discriminator_grad_norm", "learning_rate", "seconds")
    return ["step", *_SCORES, *scales, *rest]


_SAMPLE_SECONDS = 3.0
_SCALAR_STEPS = 10  # between points of a curve


class Monitor:
    """Of the first process; in the others it does nothing."""

    def __init__(
        self, config: TrainConfig, fabric: Any, features: FeatureConfig, step: int
    ) -> None:
        self.config, self.features, self.first_step = config, features, step
        self.run_dir, self.fields = Path(config.run_dir), fields(config)
        self.active = fabric.is_global_zero
        self.device = fabric.device
        self.progress = Progress(config.max_steps, step)

    def __enter__(self) -> Monitor:
        if self.active:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            _trim(self.run_dir / "log.csv", self.first_step, self.fields)
            self.file = open(self.run_dir / "log.csv", "a", buffering=1, newline="")
            self.rows = csv.DictWriter(self.file, self.fields)
            self.events = _event_writer(self.run_dir, self.first_step)
            self.samples = (
                self._samples() if self.events and self.config.monitor.every_steps else None
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.active:
            self.file.close()
            if self.events:
                self.events.close()
            self.progress.end()

    def log(self, step: int, row: dict[str, float], seconds: float) -> None:
        """Write the numbers of one step."""
        if not self.active:
            return
        texts = {
            name: f"{value:.6g}" if name == "learning_rate" else repr(value)
            for name, value in row.items()
        }
        self.rows.writerow({"step": step, **texts, "seconds": f"{seconds:.1f}"})
        if self.events and step % _SCALAR_STEPS == 0:
            for name, value in row.items():
                self.events.add_scalar(name, value, step)
        losses = "  ".join(f"{name} {row[name]:.4f}" for name in _SCORES if name in row)
        self.progress.show(step, f"{losses}  {self.progress.rate(step):.2f} steps/s")

    def _samples(self) -> Batch:
        """Segments to listen to, the same throughout the run."""
        config, monitor = self.config, self.config.monitor
        path = monitor.validation or config.data.path
        frames = round(_SAMPLE_SECONDS * self.features.sample_rate / self.features.hop_length)
        whole = SegmentDataset(
            DataConfig(path, monitor.segments, 1, gain_db=0.0), self.features, config.seed
        )
        frames = min(frames, int(whole.frames.max()))
        data = SegmentDataset(
            DataConfig(path, monitor.segments, frames, gain_db=0.0), self.features, config.seed
        )
        return Batch(*map(torch.from_numpy, data.batch(0)))

    @torch.no_grad()
    def sample(self, step: int, average: dict[str, Tensor]) -> None:
        """Synthesise the samples with the averaged weights, every `monitor.every_steps` steps."""
        if not self.active or self.samples is None or step % self.config.monitor.every_steps:
            return
        generator = (
            build_generator(self.config.generator, self.features.log_floor).eval().to(self.device)
        )
        generator.load_state_dict(average)
        mel, f0 = self.samples.mel.to(self.device), self.samples.f0.to(self.device)
        waves = (
            generator(mel, f0, generator.make_prior(f0, noise=True, phase=False))[:, 0]
            .cpu()
            .numpy()
        )
        distances = []
        for i, (wave, recording) in enumerate(zip(waves, self.samples.audio.numpy(), strict=True)):
            pictures = [log_mel(x, self.features) for x in (recording, wave)]
            distances.append(float(np.abs(pictures[0] - pictures[1]).mean()))
            self.events.add_audio(
                f"sample/{i}", np.clip(wave, -1, 1), step, self.features.sample_rate
            )
            self.events.add_image(f"sample/{i}", _picture(pictures), step, dataformats="HW")
        self.events.add_scalar("sample/mel_l1", float(np.mean(distances)), step)


def _picture(mels: list[np.ndarray]) -> np.ndarray:
    """Log-mels one below the other, high frequencies at the top, as grey levels of the first one's
    range."""
    low, high = mels[0].min(), mels[0].max()
    return np.concatenate(
        [np.clip((mel[::-1] - low) / max(high - low, 1e-3), 0, 1) for mel in mels]
    )


def _event_writer(run_dir: Path, step: int) -> Any | None:
    """TensorBoard's, where it is installed; events behind `step`, of a run that was killed, are
    disregarded."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(run_dir), purge_step=step + 1)


def _trim(path: Path, step: int, fields: list[str]) -> None:
    """Keep the rows of the log up to the checkpoint; what came after is computed again."""
    rows = []
    if step > 0 and path.exists():
        with open(path, newline="") as file:
            # The last row may be cut short where the run was killed.
            header, *found = list(csv.reader(file)) or [fields]
            whole = [
                dict(zip(header, row, strict=True)) for row in found if len(row) == len(header)
            ]
            rows = [row for row in whole if int(row["step"]) <= step]
    temporary = path.with_suffix(".tmp")
    with open(temporary, "w", newline="") as file:
        table = csv.DictWriter(file, fields, extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    os.replace(temporary, path)
