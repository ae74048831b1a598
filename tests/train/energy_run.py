"""The configuration of a run against discriminators on log magnitudes that tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wavehax.train.load import load_config

Config = Callable[..., Path]
START, ALONE = 3, 4  # the adversary's first step, and its steps before the generator hears it


def energy_config(write: Config, folder: Path, **changes: object) -> Path:
    """12 steps: 3 of spectral scores, 4 of the discriminators alone, 5 of both."""
    loss = {
        "n_ffts": [256],
        "n_mels": [32],
        "log_n_ffts": [64, 256],
        "log_weight": 5,
        "repulsion": 1,
    }
    loss |= {"unvoiced_n_ffts": [128], "unvoiced_weight": 2}
    adversary = {"discriminator": "log", "start_step": START, "alone_steps": ALONE, "ramp_steps": 2}
    adversary |= {"normalize_features": True, "win_rate": 0.55, "learning_rate": 1e-3}
    data = {
        "batch_size": 2,
        "segment_frames": 20,
        "speed_share": 0.5,
        "disturbed_share": 0.5,
        "shift_samples": 63,
    }
    prepared = load_config(write(folder)).data.path
    values = {"loss": loss, "adversary": adversary, "data": {"path": prepared, **data}, **changes}
    return write(folder, **values)
