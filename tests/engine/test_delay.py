"""The delay of a stream against the frames that PyTorch's output depends on: it is the least."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from random_models import make_engine, random_features, random_weights

from wavehax.checkpoint import load_model
from wavehax.config import GeneratorConfig
from wavehax.export.lags import Lags
from wavehax.models.locate import model_path, shipped_models

torch = pytest.importorskip("torch", reason="needs the extra [train]")

SMALL = {"channels": 4, "mult_channels": 1, "kernel_size": (3, 3), "num_blocks": 1}
KNOWN, FRAMES = 12, 18


def first_undetermined(config: GeneratorConfig, weights: dict[str, np.ndarray]) -> int:
    """The first sample that frames from KNOWN on change in the PyTorch generator, in float64."""
    from wavehax.nn import build_generator

    model = build_generator(config).eval()
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    model.double()
    mel = torch.from_numpy(random_features(config, FRAMES, 0)[0])[None].double()
    f0 = torch.full((1, 1, FRAMES), 150.0, dtype=torch.float64)
    waves = []
    for change in (0.0, 1.0):
        mel[..., KNOWN:] += change
        f0[..., KNOWN:] += 100 * change
        prior = model.make_prior(f0, noise=False, phase=False).double()
        with torch.no_grad():
            waves.append(model(mel, f0, prior)[0, 0])
    return int((waves[0] != waves[1]).nonzero()[0])


def assert_least_delay(config: GeneratorConfig) -> None:
    """After KNOWN frames a stream has returned all samples that they determine.

    The window of the inverse STFT is 0 at the first sample that it owes.
    """
    weights = random_weights(config, 0)
    delay = make_engine(config, weights, "auto").stream(0).delay
    assert KNOWN * config.hop_length - delay + 1 == first_undetermined(config, weights)
    assert Lags.of_stream(config).delay(config) == delay


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_returns_every_sample_that_the_frames_determine(name: str) -> None:
    assert_least_delay(dataclasses.replace(load_model(model_path(name)).generator, **SMALL))


@pytest.mark.parametrize("n_fft", [64, 96, 128])
@pytest.mark.parametrize("lookahead", [0, 1, 2, 4])
@pytest.mark.parametrize("prior_projection", [False, True])
def test_any_lookahead_and_window_has_the_least_delay(
    n_fft: int, lookahead: int, prior_projection: bool
) -> None:
    shape = {"n_mels": 6, "n_fft": n_fft, "hop_length": 32, "norm": "batch", **SMALL}
    padding = {"time_padding": "causal", "lookahead": lookahead, "projection_taps": 5}
    config = GeneratorConfig(**shape, **padding, prior_projection=prior_projection)
    assert_least_delay(config)
    assert_least_delay(dataclasses.replace(config, output="excitation", frame_alignment="centre"))
