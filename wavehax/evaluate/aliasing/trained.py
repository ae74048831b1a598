"""Uses a training run of our generators or of a baseline as a vocoder, in PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from wavehax.config.written import natural
from wavehax.nn import build_generator
from wavehax.nn.baselines import BASELINES, Baseline
from wavehax.nn.prior import make_prior
from wavehax.train.state import checkpoint_of, load_state, unflatten
from wavehax.train.values import config_from_dict


class TrainedRun:
    """The averaged weights of a run's newest checkpoint, behind the interface of `Synthesiser`."""

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: folder of a run, or of one of its checkpoints.

        Raises:
            FileNotFoundError: `path` is neither.
            ValueError: the checkpoint is damaged, or its weights fit no known shape.
        """
        tensors, values = load_state(checkpoint_of(path))
        config, weights = config_from_dict(values["config"]), unflatten("ema", tensors)
        baseline = next(
            (name for name in BASELINES if any(key.startswith(f"{name}.") for key in weights)), None
        )
        shape, floor = config.generator, config.feature_config.magnitude_floor
        self.generator = (
            Baseline(baseline, shape, floor) if baseline else build_generator(shape, floor)
        )
        try:
            self.generator.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(f"{path}: the weights do not fit their configuration") from error
        self.generator.eval()
        self.features = config.feature_config
        self.sample_rate, self.hop_length = (
            config.generator.sample_rate,
            config.generator.hop_length,
        )
        self.prior_kind = "none" if baseline else config.generator.prior
        self.mean_mel = self.generator.mel_mean.numpy()

    def prior(self, f0: np.ndarray) -> np.ndarray:
        """The harmonics of `pcph` from phase 0 on, whatever the run's own prior is, float32.

        They are as long as a prior of `__call__`: [T * hop_length], or a hop more where frames are
        centred.
        """
        held = np.append(f0, f0[-1:]) if self.generator.centred else f0
        frames = torch.from_numpy(held.astype(np.float64))[None, None]
        harmonics = make_prior(
            "pcph", frames, self.hop_length, self.sample_rate, noise=False, phase=False
        )
        return harmonics[0, 0].numpy()

    @torch.inference_mode()
    def __call__(self, mel: np.ndarray, f0: np.ndarray, *, prior: np.ndarray) -> np.ndarray:
        """Waveform [T * hop_length] from mel [n_mels, T], F0 [T] in Hz and a prior.

        The prior is as long as that of `prior`.
        """
        inputs = (
            torch.from_numpy(np.array(x, np.float32))
            for x in (natural(mel, self.features)[None], f0[None, None], prior[None, None])
        )
        return self.generator(*inputs)[0, 0].numpy()
