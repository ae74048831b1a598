"""Training of a predictor of F0 from the mel.

It takes minutes on one core. The generator, which is trained before, stays as it is.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wavehax.checkpoint import F0Model, Model, load_model, save_model
from wavehax.config import F0Config
from wavehax.config.written import written
from wavehax.data.config import DataConfig
from wavehax.data.segments import SegmentDataset
from wavehax.files.outputs import refuse_existing, replacing
from wavehax.files.progress import Progress
from wavehax.nn.f0 import F0Predictor
from wavehax.train.f0_data import noisy_mel, segments, smoothed_mel, white_noise_bands
from wavehax.train.optim import cosine, ramp, set_learning_rate, update
from wavehax.vocoder import Vocoder

_LEARNING_RATE = 3e-3
_WARMUP_STEPS = 100
_WEIGHT_DECAY = 1e-3
_MAX_GRAD_NORM = 1.0
_TARGET_BINS = 1.0  # standard deviation of the target around the true pitch: 25 cents, as in CREPE
# Added to the logit of voicing once the predictor is trained, so that doubtful frames get an F0. A
# generator that learned from Harvest's F0 wants one in many of these: PESQ-WB rose from 3.44 to
# 3.50 on 16 files of `dev` and from 3.49 to 3.58 on 11 of `unseen`. V/UV errors on voices of known
# F0 rose from 4 to 6 %.
VOICING_BIAS = 1.5
_REPORT_STEPS = 100  # the latest steps, whose mean losses are shown
# Share of frames in which engine and PyTorch may see another peak or voicing, since they round
# differently.
_MAX_DISAGREEING = 0.02


def add_predictor(
    path: Path,
    folder: Path,
    out: Path,
    *,
    steps: int,
    seed: int = 0,
    threads: int = 1,
    force: bool = False,
) -> None:
    """Train a predictor on a prepared folder, and write the model file `path` with it to `out`.

    `out` appears (or, with `force`, is replaced) only once the engine has been found to compute
    what PyTorch does.

    Args:
        path: a model file; a predictor that it has is replaced.
        folder: a prepared folder with the model's mel; best one of voices of known F0 (recipes/f0).
        out: the new model file.
        steps: updates of the predictor.
        seed: of its first weights and of the segments.
        threads: CPU threads.
        force: whether to replace `out` where it exists.

    Raises:
        OSError: a file is missing or cannot be written, or `out` exists and `force` is not set.
        ValueError: the folder holds other features than the model, or the engine computes something
            else than PyTorch.
    """
    refuse_existing(out, force)
    torch.set_num_threads(threads)
    model = load_model(path)
    drawn = segments(folder, model.features)
    data = SegmentDataset(DataConfig(str(folder), **drawn), model.features, seed)
    predictor = train(data, F0Config(), steps, seed)
    bias = predictor.output_proj.bias
    assert bias is not None
    with torch.no_grad():
        bias[-1] += VOICING_BIAS
    weights = {
        name: value.numpy().astype(np.float32) for name, value in predictor.state_dict().items()
    }
    made = {"steps": steps, "seed": seed, "voicing_bias": VOICING_BIAS, **drawn}
    provenance = {**model.provenance, "f0": made}
    model = dataclasses.replace(model, f0=F0Model(predictor.config, weights), provenance=provenance)
    with replacing(out, overwrite=force) as temporary:
        save_model(temporary, model)
        verify(load_model(temporary), predictor, data)


def copy_predictor(model: Model, donor: Model) -> Model:
    """Return `model` with the predictor of `donor` and that part of its provenance.

    Raises:
        ValueError: the donor has no predictor, or takes another mel.
    """
    if donor.f0 is None:
        raise ValueError("the model has no predictor of F0")
    if donor.features != model.features:
        raise ValueError(
            f"F0 is predicted from the mel {donor.features.name!r}: expected"
            f" {model.features.name!r}"
        )
    provenance = dict(model.provenance)
    if "f0" in donor.provenance:
        provenance["f0"] = donor.provenance["f0"]
    return dataclasses.replace(model, f0=donor.f0, provenance=provenance)


def train(data: SegmentDataset, config: F0Config, steps: int, seed: int) -> F0Predictor:
    """Train a predictor; progress goes to standard error.

    Args:
        data: the segments.
        config: the shape of the predictor.
        steps: updates.
        seed: of the first weights, and of the disturbances of the mels.
    """
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    predictor = F0Predictor(config, data.features.n_mels)
    predictor.mel_mean.copy_(torch.from_numpy(data.mel_mean))
    predictor.mel_scale.copy_(torch.from_numpy(data.mel_scale))
    parameters = list(predictor.parameters())
    optimizer = torch.optim.AdamW(parameters, _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    noise_gain = torch.from_numpy(white_noise_bands(data.features)).float()
    progress = Progress(steps, thing="step")
    recent: deque[tuple[float, float]] = deque(maxlen=_REPORT_STEPS)
    for step in range(steps):
        set_learning_rate(
            optimizer, _LEARNING_RATE * ramp(step, 0, _WARMUP_STEPS) * cosine(step, 0, steps)
        )
        batch = data.batch(step)
        mel = smoothed_mel(noisy_mel(torch.from_numpy(batch.mel), noise_gain, rng), rng)
        pitch, voicing = losses(predictor(mel), torch.from_numpy(batch.f0), config)
        (pitch + voicing).backward()
        update(optimizer, parameters, _MAX_GRAD_NORM)
        recent.append((pitch.item(), voicing.item()))
        means = np.mean(recent, axis=0)
        progress.show(step + 1, f"pitch {means[0]:.4f}  voicing {means[1]:.4f}")
    progress.end()
    return predictor.eval()


def losses(logits: Tensor, f0: Tensor, config: F0Config) -> tuple[Tensor, Tensor]:
    """Cross-entropies of pitch and voicing, in nats.

    Args:
        logits: [B, num_bins + 1, T], as F0Predictor gives them.
        f0: [B, 1, T] in Hz, 0 where unvoiced.
        config: the shape of the predictor.

    Returns:
        That of the pitch, the mean over voiced frames whose F0 lies on the bins, and that of the
        voicing, the mean over all frames.
    """
    voiced = f0 > 0
    position = 1200 / config.bin_cents * torch.log2(f0.clamp(min=1.0) / config.f0_min)
    inside = (voiced & (position > -0.5) & (position < config.num_bins - 0.5)).float()
    bins = torch.arange(config.num_bins, device=f0.device)[None, :, None]
    target = torch.softmax(-0.5 * ((bins - position) / _TARGET_BINS).square(), dim=1)
    pitch = functional.cross_entropy(logits[:, :-1], target, reduction="none")[:, None]
    voicing = functional.binary_cross_entropy_with_logits(logits[:, -1:], voiced.float())
    return (pitch * inside).sum() / inside.sum().clamp(min=1.0), voicing


@torch.no_grad()
def verify(model: Model, predictor: F0Predictor, data: SegmentDataset) -> None:
    """Raise ValueError unless engine and PyTorch predict the same F0 for a batch of `data`.

    Args:
        model: run by the engine.
        predictor: run by PyTorch.
        data: segments with the model's mel.
    """
    voc = Vocoder(model)
    mels = data.batch(0).mel
    expected = predictor.decode(predictor(torch.from_numpy(mels)))[:, 0].numpy()
    predicted = np.stack([voc.f0(written(mel, model.features)) for mel in mels])
    differs = ~np.isclose(predicted, expected, rtol=1e-4)
    if differs.mean() > _MAX_DISAGREEING:
        raise ValueError(
            f"engine differs from PyTorch in {differs.sum()} of {differs.size} frames of F0"
        )
