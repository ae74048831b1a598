"""What the tests of wavehax.nn share: the fixtures of the authors' code, and small models of every
variant."""

from __future__ import annotations

import numpy as np
import torch
from tiny_models import read_fixture

from wavehax.config import GeneratorConfig
from wavehax.nn import BaseGenerator, build_generator
from wavehax.official.convert import convert_official

SMALL = {
    "n_mels": 6,
    "channels": 4,
    "mult_channels": 2,
    "kernel_size": (5, 3),
    "num_blocks": 2,
    "n_fft": 64,
    "hop_length": 32,
}
STREAMS = {**SMALL, "n_fft": 32, "hop_length": 64, "num_streams": 4}
CAUSAL = {"time_padding": "causal", "norm": "batch"}
VARIANTS = {
    "official": GeneratorConfig(**SMALL),
    "frame norm": GeneratorConfig(**SMALL, norm="frame"),
    "batch norm in blocks": GeneratorConfig(**SMALL, norm="batch", outer_norm="utterance"),
    "batch norm, causal": GeneratorConfig(**SMALL, **CAUSAL),
    "lookahead": GeneratorConfig(**SMALL, **CAUSAL, lookahead=2),
    "long window": GeneratorConfig(
        **{**SMALL, "n_fft": 128}, norm="frame", time_padding="causal", lookahead=1
    ),
    "log-magnitude": GeneratorConfig(**SMALL, use_logmag_phase=True),
    "excitation": GeneratorConfig(**SMALL, **CAUSAL, lookahead=1, output="excitation"),
    "sine excitation": GeneratorConfig(**SMALL, norm="frame", output="excitation", prior="sine"),
    "sawtooth": GeneratorConfig(**SMALL, prior="sawtooth"),
    "linear decay, 48 kHz": GeneratorConfig(**SMALL, prior="pcph_linear_decay", sample_rate=48000),
    "noise": GeneratorConfig(**SMALL, prior="noise"),
    "streams": GeneratorConfig(**STREAMS, norm="frame"),
    "two streams, causal": GeneratorConfig(
        **{**STREAMS, "n_fft": 64, "num_streams": 2}, **CAUSAL, lookahead=1
    ),
    "pqmf streams": GeneratorConfig(**STREAMS, **CAUSAL, stream_filter="pqmf"),
    "dwt streams": GeneratorConfig(
        **STREAMS, norm="batch", outer_norm="frame", stream_filter="dwt"
    ),
}
"""Small models: every value of every choice of GeneratorConfig at least once."""


def variant(config: GeneratorConfig, seed: int = 0) -> BaseGenerator:
    """A model in evaluation mode whose weights and statistics are all away from their initial
    values."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build_generator(config).eval()
    generator = torch.Generator().manual_seed(seed)
    trained = {name for name, _ in model.named_parameters()}
    state = model.state_dict()
    for name, value in state.items():
        if name.endswith(("running_var", "mel_scale")):
            value.uniform_(0.5, 2.0, generator=generator)
        elif name in trained or name.endswith(("running_mean", "mel_mean")):
            fan_in = value[0].numel() if value.ndim > 1 else 1
            value.add_(torch.randn(value.shape, generator=generator) * 0.3 / fan_in**0.5)
    model.load_state_dict(state)
    return model


def inputs(
    config: GeneratorConfig, frames: int, seed: int = 0, batch: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random mel [B, n_mels, T], and F0 [B, 1, T] with voiced and unvoiced frames."""
    rng = np.random.default_rng(seed)
    mel = rng.standard_normal((batch, config.n_mels, frames))
    f0 = rng.uniform(60, 900, (batch, 1, frames)) * (rng.random((batch, 1, frames)) < 0.7)
    return torch.tensor(mel, dtype=torch.float32), torch.tensor(f0, dtype=torch.float32)


def load_official(name: str) -> tuple[BaseGenerator, dict[str, torch.Tensor]]:
    """The generator of a fixture with its weights, and the fixture's arrays cond, f0, prior and
    wave."""
    config, weights, arrays = read_fixture(name)
    generator, converted = convert_official(config, weights)
    model = build_generator(generator).eval()
    model.load_state_dict({key: torch.from_numpy(value) for key, value in converted.items()})
    return model, {key: torch.from_numpy(arrays[key]) for key in ("cond", "f0", "prior", "wave")}
