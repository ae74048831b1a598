"""Reports of a run: a row of log.csv for each step, a line of progress, samples for TensorBoard."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from wavehax.config import FeatureConfig
from wavehax.data.batch import Batch
from wavehax.data.config import DataConfig
from wavehax.data.segments import SegmentDataset
from wavehax.files.progress import Progress
from wavehax.mel.features import natural_mel
from wavehax.nn import build_generator
from wavehax.nn.discriminators import DiscriminatorConfig
from wavehax.train.config import TrainConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch.utils.tensorboard import SummaryWriter

_SCORES = (
    *("mel", "log_magnitude", "unvoiced", "teacher", "feature_matching", "adversarial"),
    *("discriminator_real", "discriminator_fake", "win_rate"),
)


def fields(config: TrainConfig) -> list[str]:
    """The columns of a run's log.csv, among them the loss of each sub-discriminator."""
    scales = []
    if config.adversary:
        names = DiscriminatorConfig.preset(config.adversary.discriminator).names
        scales = [f"discriminator_{name}" for name in names]
    rest = ("grad_norm", "discriminator_grad_norm", "learning_rate", "seconds")
    return ["step", *_SCORES, *scales, *rest]


_SAMPLE_SECONDS = 3.0
_SCALAR_STEPS = 10  # steps between points of a curve


class Monitor:
    """Writes the reports of a run in its first process; in the others it does nothing."""

    def __init__(
        self, config: TrainConfig, fabric: Fabric, features: FeatureConfig, step: int
    ) -> None:
        """
        Args:
            config: the run.
            fabric: its processes.
            features: the definition of the mel.
            step: the step at which the run starts; later rows of the log are dropped.
        """
        self.config, self.features, self.first_step = config, features, step
        self.run_dir, self.fields = Path(config.run_dir), fields(config)
        self.active = fabric.is_global_zero
        self.device = fabric.device
        self.events: SummaryWriter | None = None
        self.samples: Batch | None = None
        self.progress = Progress(config.max_steps, step, "step")

    def __enter__(self) -> Monitor:
        if self.active:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            _trim(self.run_dir / "log.csv", self.first_step, self.fields)
            self.file = open(self.run_dir / "log.csv", "a", buffering=1, newline="")
            self.rows = csv.DictWriter(self.file, self.fields)
            self.events = _event_writer(self.run_dir, self.first_step)
            if self.events and self.config.monitor.every_steps:
                self.samples = self._samples()
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

        def segments(frames: int) -> SegmentDataset:
            drawn = DataConfig(path, monitor.segments, frames, gain_db=0.0)
            return SegmentDataset(drawn, self.features, config.seed)

        longest = int(segments(1).frames.max())
        return Batch.of(segments(min(frames, longest)).batch(0))

    @torch.no_grad()
    def sample(self, step: int, average: dict[str, Tensor]) -> None:
        """Synthesise the samples with the averaged weights, every `monitor.every_steps` steps."""
        events, samples = self.events, self.samples
        if events is None or samples is None or step % self.config.monitor.every_steps:
            return
        generator = build_generator(self.config.generator, self.features.magnitude_floor)
        generator.eval().to(self.device).load_state_dict(average)
        mel, f0 = samples.mel.to(self.device), samples.f0.to(self.device)
        prior = generator.make_prior(f0, noise=True, phase=False)
        waves = generator(mel, f0, prior)[:, 0].cpu().numpy()
        distances = []
        for i, (wave, recording) in enumerate(zip(waves, samples.audio.numpy(), strict=True)):
            pictures = [natural_mel(x, self.features) for x in (recording, wave)]
            distances.append(float(np.abs(pictures[0] - pictures[1]).mean()))
            events.add_audio(f"sample/{i}", np.clip(wave, -1, 1), step, self.features.sample_rate)
            events.add_image(f"sample/{i}", _picture(pictures), step, dataformats="HW")
        events.add_scalar("sample/mel_l1", float(np.mean(distances)), step)


def _picture(mels: list[np.ndarray]) -> np.ndarray:
    """Log-mels one below the other, high frequencies at the top, as grey levels from 0 to 1.

    They span the range of the first one.
    """
    low, high = mels[0].min(), mels[0].max()
    return np.concatenate(
        [np.clip((mel[::-1] - low) / max(high - low, 1e-3), 0, 1) for mel in mels]
    )


def _event_writer(run_dir: Path, step: int) -> SummaryWriter | None:
    """Open TensorBoard's events, or return None where it is not installed.

    Events after `step`, which a run has left that was killed, are disregarded.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(run_dir), purge_step=step + 1)


def _trim(path: Path, step: int, fields: list[str]) -> None:
    """Keep the rows of the log up to `step`, from which on the run computes again."""
    rows = []
    if step > 0 and path.exists():
        with open(path, newline="") as file:
            # The last row may be cut short, if the run was killed.
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
