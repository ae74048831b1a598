"""How far ahead an output sample sees, which sets the delay of a stream (docs/design.md#delay)."""

from __future__ import annotations

import pytest
import torch
from nn_fixtures import CAUSAL, SMALL, STREAMS, inputs, variant

from wavehax.config import GeneratorConfig


def first_changed(
    config: GeneratorConfig, mel_frame: int | None, f0_frame: int | None, frames: int = 24
) -> int:
    """First output sample that changes with the mel of one frame, or the F0 (hence the prior) of
    one frame."""
    model = variant(config)
    mel, f0 = inputs(config, frames)
    f0 = f0.clamp(min=100.0)
    changed_mel, changed_f0 = mel.clone(), f0.clone()
    if mel_frame is not None:
        changed_mel[:, :, mel_frame] += 3.0
    if f0_frame is not None:
        changed_f0[:, :, f0_frame] *= 1.5
    waves = []
    for m, f in ((mel, f0), (changed_mel, changed_f0)):
        with torch.no_grad():
            waves.append(model(m, f, model.make_prior(f, noise=False, phase=False)))
    return int((waves[0] != waves[1]).flatten().nonzero()[0])


SINGLE = [
    GeneratorConfig(
        **{**SMALL, "n_fft": n_fft},
        time_padding="causal",
        norm=norm,
        lookahead=lookahead,
        output=output,
    )
    for n_fft, norm, lookahead, output in [
        (64, "batch", 0, "spectrum"),
        (64, "frame", 2, "spectrum"),
        (128, "batch", 1, "spectrum"),
        (64, "batch", 2, "excitation"),
    ]
]


@pytest.mark.parametrize("config", SINGLE)
def test_causal_wave_depends_on_mel_no_further_ahead_than_the_lookahead(config):
    t, margin = 15, (config.n_fft - config.hop_length) // 2
    # Spectrum frame t - lookahead is the first that sees mel frame t, and its window starts
    # `margin` before its hop, with values so small that the first samples' change may be lost in
    # rounding.
    first = (t - config.lookahead) * config.hop_length - margin + 1
    assert first <= first_changed(config, t, None) < first + 8


@pytest.mark.parametrize("config", SINGLE)
def test_causal_wave_depends_on_f0_no_further_ahead_than_window_and_lookahead(config):
    t, hop, margin = 15, config.hop_length, (config.n_fft - config.hop_length) // 2
    # the first whose window, of hop + margin samples ahead, reaches hop t
    first_frame = t - (margin - 1) // hop - 1
    assert first_changed(config, None, t) >= (first_frame - config.lookahead) * hop - margin + 1


@pytest.mark.parametrize("stream_filter", ["learned", "pqmf", "dwt"])
def test_causal_streams_depend_on_mel_no_further_ahead_than_lookahead_and_filter(stream_filter):
    config = GeneratorConfig(**STREAMS, **CAUSAL, lookahead=1, stream_filter=stream_filter)
    t, margin = 15, (config.n_fft - config.stream_hop) // 2
    ahead = 0 if stream_filter == "dwt" else 31
    first = config.num_streams * ((t - 1) * config.stream_hop - margin + 1) - ahead
    assert first_changed(config, t, None) >= first


@pytest.mark.parametrize("norm", ["frame", "batch"])
def test_reflecting_model_sees_both_sides_only_as_far_as_its_kernels(norm):
    config = GeneratorConfig(**SMALL, norm=norm)
    t, margin = 20, (config.n_fft - config.hop_length) // 2
    ahead = 3 + config.num_blocks * (config.kernel_size[1] // 2)
    first = (t - ahead) * config.hop_length - margin + 1
    assert first <= first_changed(config, t, None, frames=40) < first + 16
