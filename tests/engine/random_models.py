"""Small models of every variant with weights away from their initial values, for the engine's
tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from tiny_models import with_f0

from wavehax.checkpoint import Model
from wavehax.config import (
    FEATURES,
    FRAME_ALIGNMENTS,
    NORMS,
    PRIORS,
    STREAM_FILTERS,
    GeneratorConfig,
    parameter_shapes,
)


@st.composite
def generator_configs(draw: st.DrawFn, streamable: bool = False) -> GeneratorConfig:
    """Draw a valid small `GeneratorConfig`; with `streamable`, one without a norm over the
    utterance."""
    norms = [norm for norm in NORMS if not (streamable and norm == "utterance")]
    num_streams = draw(st.sampled_from([1, 1, 2, 4]))
    hop = 2 * draw(st.integers(2, 20))
    n_fft = draw(st.sampled_from([2 * hop, 3 * hop, 4 * hop, 2 * hop + 4, 9 * hop]))
    causal = draw(st.booleans())
    single = num_streams == 1
    excitation = single and draw(st.booleans())
    taps = draw(st.integers(1, 7) if causal else st.sampled_from([1, 3, 5, 7]))
    return GeneratorConfig(
        n_mels=draw(st.integers(1, 9)),
        channels=draw(st.sampled_from([1, 4, 7, 16, 17, 40])),
        mult_channels=draw(st.integers(1, 4)),
        kernel_size=(
            draw(st.sampled_from([1, 3, 5, n_fft // 4 * 2 + 1])),
            draw(st.sampled_from([1, 3, 7, 15])),
        ),
        num_blocks=draw(st.integers(1, 4)),
        n_fft=n_fft,
        hop_length=hop * num_streams,
        sample_rate=draw(st.sampled_from([8000, 24000, 44100, 48000])),
        prior=draw(st.sampled_from(PRIORS)),
        norm=draw(st.sampled_from(norms)),
        outer_norm=draw(st.sampled_from(norms)),
        time_padding="causal" if causal else "reflect",
        frame_alignment=draw(st.sampled_from(FRAME_ALIGNMENTS)),
        projection_taps=taps,
        prior_projection=draw(st.booleans()),
        lookahead=draw(st.integers(0, taps - 1)) if causal else 0,
        use_logmag_phase=single and not excitation and draw(st.booleans()),
        output="excitation" if excitation else "spectrum",
        num_streams=num_streams,
        stream_filter=draw(st.sampled_from(STREAM_FILTERS)),
    )


def random_weights(config: GeneratorConfig, seed: int) -> dict[str, np.ndarray]:
    """Return weights by name. Products keep the scale of their input; norms and gamma are far from
    the identity."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in parameter_shapes(config).items():
        if name.endswith(("running_var", "mel_scale")):
            value = rng.uniform(0.5, 2.0, shape)
        elif name.endswith(("norm.weight", "gamma")):
            value = rng.uniform(0.3, 1.5, shape) * rng.choice([-1, 1], shape)
        elif len(shape) > 1:
            value = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        else:
            value = 0.3 * rng.standard_normal(shape)
        weights[name] = value.astype(np.float32)
    return weights


def small_model(preset: str, output: str = "excitation", seed: int = 0) -> Model:
    """Return a small model with a predictor of F0, for a preset of features."""
    features = FEATURES[preset]
    shape = {
        "channels": 4,
        "kernel_size": (3, 3),
        "num_blocks": 1,
        "n_fft": 2 * features.hop_length,
    }
    sizes = {name: getattr(features, name) for name in ("n_mels", "hop_length", "sample_rate")}
    alignment = "centre" if features.padding == "centre" else "same"
    padding = {"norm": "frame", "time_padding": "causal", "frame_alignment": alignment}
    config = GeneratorConfig(**shape, **sizes, **padding, output=output)
    weights = random_weights(config, seed)
    weights["mel_mean"] -= 6
    return with_f0(Model(config, features, weights))


def random_features(
    config: GeneratorConfig, frames: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a mel [n_mels, frames] and F0 [frames] in Hz: voiced, unvoiced, and beyond the Nyquist
    frequency."""
    rng = np.random.default_rng(seed)
    mel = rng.standard_normal((config.n_mels, frames)).astype(np.float32)
    f0 = np.exp(rng.uniform(np.log(40.0), np.log(0.6 * config.sample_rate), frames)) * (
        rng.random(frames) < 0.7
    )
    return mel, f0.astype(np.float32)


def make_engine(
    config: GeneratorConfig, weights: dict[str, np.ndarray], isa: str, precision: str = "fp32"
) -> Any:
    """Return the C++ engine of a model."""
    from wavehax import _engine
    from wavehax.config import to_dict

    return _engine.Engine(to_dict(config), weights, isa, precision)


def pytorch_waves(
    config: GeneratorConfig,
    weights: dict[str, np.ndarray],
    mel: np.ndarray,
    f0: np.ndarray,
    prior: np.ndarray,
) -> list[np.ndarray]:
    """Return the samples that PyTorch computes in float64 and in float32."""
    import torch

    from wavehax.nn import build_generator

    model = build_generator(config).eval()
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    inputs = [
        torch.from_numpy(np.ascontiguousarray(x))
        for x in (mel[None], f0[None, None], prior[None, None])
    ]
    with torch.no_grad():
        single = model(*inputs)
        double = model.double()(*[x.double() for x in inputs])
    return [wave[0, 0].numpy() for wave in (double, single)]
