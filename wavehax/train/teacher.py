"""Distillation: a trained generator, whose outputs a smaller one learns to repeat.

Both make their wave from one prior, so noise and phases of the teacher's output are known. The
student has to repeat the wave itself and not only its magnitudes (Hinton et al., arXiv 1503.02531,
where outputs were probabilities).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wavehax.checkpoint import load_model
from wavehax.config import ConfigError
from wavehax.models.locate import model_path
from wavehax.nn import build_generator
from wavehax.nn.stft import MIN_POWER
from wavehax.train.config import TeacherConfig, TrainConfig
from wavehax.train.losses import complex_bins, power_nearby

# Fields in which teacher and student must agree: both take one mel and one prior, whose noise
# depends on `output` too.
_SHARED = ("n_mels", "hop_length", "sample_rate", "prior", "frame_alignment", "output")


class Teacher(nn.Module):
    """Scores outputs by their distance from the outputs of a trained generator.

    The distance is E|Y - Z| over the complex bins of several windows, for spectra Y of the output
    and Z of the teacher's. A bin counts relative to the power of Z nearby, in 9 bins and 5 frames
    around it.
    """

    def __init__(self, config: TeacherConfig, run: TrainConfig) -> None:
        """
        Args:
            config: the teacher.
            run: the run of the student.

        Raises:
            ConfigError: the teacher has another mel or takes another prior; the message names the
                field.
            OSError: the model cannot be read.
            ValueError: there is no such model, or it is damaged.
        """
        super().__init__()
        model = load_model(model_path(config.model))
        if model.features != run.feature_config:
            name = run.feature_config.name
            raise ConfigError(f"teacher.model={config.model}: has another mel than features={name}")
        for field in _SHARED:
            ours, theirs = getattr(run.generator, field), getattr(model.generator, field)
            if ours != theirs:
                raise ConfigError(
                    f"teacher.model={config.model}: its generator has {field}={theirs!r},"
                    f" expected {ours!r} as in the run"
                )
        self.generator = build_generator(model.generator, model.features.magnitude_floor)
        self.generator.load_state_dict({k: torch.from_numpy(v) for k, v in model.weights.items()})
        self.generator.requires_grad_(False)
        self.train()
        self.weight, self.n_ffts = config.weight, config.n_ffts
        for i, n_fft in enumerate(config.n_ffts):
            self.register_buffer(f"window{i}", torch.hann_window(n_fft), persistent=False)

    def train(self, mode: bool = True) -> Teacher:
        """Stay as in synthesis: a teacher does not learn.

        Only the blocks themselves are said to train, by which a CPU computes them with the kernels
        of training. Their norms are not, and there is nothing else in them to which it matters.
        """
        super().train(False)
        for block in self.generator.blocks:
            block.training = True
        return self

    def waves(self, mel: Tensor, f0: Tensor, prior: Tensor) -> Tensor:
        """Synthesise the waves [B, 1, N] that the student should repeat.

        Arguments are those of a generator. None of them and no weight needs a gradient, so none is
        recorded. Gradients are not switched off, as a CPU would then not use those kernels.
        """
        return self.generator(mel, f0, prior)

    def forward(self, waves: Tensor, taught: Tensor) -> Tensor:
        """Score waves [B, N] for those of the teacher [B, N]."""
        scores = [self._score(i, waves, taught) for i in range(len(self.n_ffts))]
        return torch.stack(scores).mean()

    def _score(self, i: int, waves: Tensor, taught: Tensor) -> Tensor:
        made, wanted = (complex_bins(x, getattr(self, f"window{i}")) for x in (waves, taught))
        scale = torch.rsqrt(power_nearby(wanted, self.n_ffts[i]))
        error = (made - wanted).square().sum(-1)
        return (scale * torch.sqrt(error + MIN_POWER)).mean()
