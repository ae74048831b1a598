"""The engine against the authors' implementation and against the PyTorch generator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_models import (
    generator_configs,
    make_engine,
    pytorch_waves,
    random_features,
    random_weights,
)
from tiny_models import FIXTURES, read_fixture

from wavehax.config import GeneratorConfig
from wavehax.official.convert import convert_official

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("name", FIXTURES)
def test_engine_equals_the_authors_implementation(name: str, isa: str) -> None:
    official_config, official_weights, data = read_fixture(name)
    engine = make_engine(*convert_official(official_config, official_weights), isa)
    f0, prior, wave = data["f0"][0, 0], data["prior"][0, 0], data["wave"][0, 0]
    assert (
        np.abs(engine.vocode(data["cond"][0], f0, 0, prior) - wave).max()
        <= 1e-5 * np.abs(wave).max()
    )
    assert np.abs(engine.prior(f0, 0, noise=False) - prior).max() <= 1e-6 * np.abs(prior).max()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(config=generator_configs(), frames=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_engine_equals_pytorch_for_any_config(
    isa: str, config: GeneratorConfig, frames: int, seed: int
) -> None:
    weights = random_weights(config, seed)
    mel, f0 = random_features(config, frames, seed)
    engine = make_engine(config, weights, isa)
    prior = engine.prior(f0, seed)
    expected, single = pytorch_waves(config, weights, mel, f0, prior)
    wave = engine.vocode(mel, f0, seed, prior)
    bound = 1e-4 * np.abs(expected).max()
    if config.use_logmag_phase:
        # Rounding decides the phase of a bin that is nearly silent: no float32 computation is
        # closer than another.
        bound = max(bound, 4 * np.abs(single - expected).max())
    assert np.abs(wave - expected).max() <= bound
    # the prior it makes is the prior it was given
    assert np.array_equal(engine.vocode(mel, f0, seed), wave)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(config=generator_configs(), frames=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_prior_of_the_engine_equals_pytorch(
    isa: str, config: GeneratorConfig, frames: int, seed: int
) -> None:
    from wavehax.nn import build_generator

    _, f0 = random_features(config, frames, seed)
    f0[::5] = config.sample_rate / np.array([2, 3, 60, 240])[seed % 4]  # periods of whole samples
    model = build_generator(config)
    expected = model.make_prior(torch.from_numpy(f0)[None, None], noise=False, phase=False)[
        0, 0
    ].numpy()
    prior = make_engine(config, random_weights(config, seed), isa).prior(f0, seed, noise=False)
    # 0.1: the level of a prior
    assert np.abs(prior - expected).max() <= 1e-5 * max(0.1, np.abs(expected).max())
