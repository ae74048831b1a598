"""F0 from the mel: the engine against PyTorch and against itself in chunks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_models import random_f0_weights

from wavehax import _engine
from wavehax.config import F0Config, to_dict

SHAPES = {
    "the default": (F0Config(), 100),
    "odd sizes": (
        F0Config(channels=13, num_blocks=4, kernel_size=2, num_bins=30, bin_cents=100.0),
        7,
    ),
    "fewer bins than a peak has": (
        F0Config(channels=4, num_blocks=1, kernel_size=1, num_bins=3),
        1,
    ),
}
relaxed = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def make_predictor(config: F0Config, n_mels: int, isa: str):
    return _engine.F0Predictor(n_mels, to_dict(config), random_f0_weights(config, n_mels, 0), isa)


def random_mel(n_mels: int, frames: int) -> np.ndarray:
    return np.random.default_rng(2).standard_normal((n_mels, frames)).astype(np.float32)


@pytest.mark.parametrize(("config", "n_mels"), SHAPES.values(), ids=SHAPES)
def test_engine_equals_pytorch_in_float64(config: F0Config, n_mels: int, isa: str) -> None:
    torch = pytest.importorskip("torch")
    from wavehax.nn.f0 import F0Predictor

    model = F0Predictor(config, n_mels)
    weights = random_f0_weights(config, n_mels, 0)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    mel = random_mel(n_mels, 60)
    with torch.no_grad():
        expected = model.double().decode(model(torch.from_numpy(mel)[None].double()))[0, 0].numpy()
    assert 0 < (expected > 0).sum() < 60
    f0 = make_predictor(config, n_mels, isa).stream().push(mel)
    assert f0.dtype == np.float32 and f0.shape == (60,)
    np.testing.assert_allclose(f0, expected, rtol=1e-5)


@relaxed
@given(chunks=st.lists(st.one_of(st.integers(0, 3), st.integers(0, 40)), max_size=12))
def test_every_frame_gives_its_f0_at_once_in_the_same_bits_for_any_chunking(
    isa: str, chunks: list[int]
) -> None:
    predictor = make_predictor(*SHAPES["odd sizes"], isa)
    mel = random_mel(7, sum(chunks))
    ends = np.cumsum([0, *chunks])
    stream = predictor.stream()
    parts = [stream.push(mel[:, a:b]) for a, b in itertools.pairwise(ends)]
    assert [len(part) for part in parts] == chunks
    assert np.array_equal(np.concatenate([[], *parts]), predictor.stream().push(mel))


def test_reset_forgets_the_voice(isa: str) -> None:
    predictor = make_predictor(*SHAPES["odd sizes"], isa)
    stream, mel = predictor.stream(), random_mel(7, 30)
    first = stream.push(mel)
    assert not np.array_equal(stream.push(mel), first)
    stream.reset()
    assert np.array_equal(stream.push(mel), first)


def test_a_mel_beyond_all_sound_gives_finite_f0(isa: str) -> None:
    predictor = make_predictor(*SHAPES["odd sizes"], isa)
    for scale in (1e10, 1e30, 3e38):
        assert np.isfinite(
            predictor.stream().push(np.sign(random_mel(7, 50)) * np.float32(scale))
        ).all()


def test_sizes_and_tensors_that_do_not_fit_are_refused() -> None:
    config, n_mels = SHAPES["odd sizes"]
    weights = random_f0_weights(config, n_mels, 0)
    for change in ({"channels": 0}, {"kernel_size": 2**30}, {"num_blocks": 40}):
        with pytest.raises(ValueError, match="F0 config"):
            _engine.F0Predictor(n_mels, {**to_dict(config), **change}, weights)
    with pytest.raises(ValueError, match=r"mel_mean.*\[7\], expected \[8\]"):
        _engine.F0Predictor(8, to_dict(config), weights)
    with pytest.raises(ValueError, match=r"mel: expected shape \[7, frames\]"):
        _engine.F0Predictor(n_mels, to_dict(config), weights).stream().push(random_mel(8, 3))
