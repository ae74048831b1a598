from __future__ import annotations

import numpy as np
import pytest
import torch

from wavehax.config import F0Config, f0_parameter_shapes
from wavehax.nn.f0 import F0Predictor

CONFIG = F0Config(channels=8, num_blocks=3, num_bins=60, bin_cents=50.0)


def test_tensors_are_those_of_a_model_file():
    shapes = {
        name: tuple(value.shape) for name, value in F0Predictor(CONFIG, 10).state_dict().items()
    }
    assert list(shapes.items()) == list(f0_parameter_shapes(CONFIG, 10).items())


def test_no_frame_sees_one_that_comes_later_and_the_past_reaches_as_far_as_the_taps():
    model = F0Predictor(CONFIG, 10)
    mel = torch.zeros(1, 10, 40)
    changed = mel.clone()
    changed[:, :, 20] += 3.0
    with torch.no_grad():
        frames = (model(mel) != model(changed)).any(dim=1)[0].nonzero().flatten().tolist()
    assert frames == list(range(20, 20 + 1 + 2 * (1 + 1 + 2 + 4)))


def test_a_mel_without_deviation_is_all_that_is_before_the_first_frame():
    model = F0Predictor(CONFIG, 10)
    model.mel_mean.copy_(torch.randn(10))
    for convolution in (model.input_proj, *model.blocks):
        torch.nn.init.zeros_(convolution.bias)
    logits = model(model.mel_mean[None, :, None].expand(1, 10, 30))
    torch.testing.assert_close(logits, logits[:, :, :1].expand_as(logits))


@pytest.mark.parametrize("hz", [55.0, 100.0, 217.3, 440.0, 880.0, 299.0])
def test_decoding_finds_the_pitch_between_the_bins(hz):
    config = F0Config()
    position = 1200 / config.bin_cents * np.log2(hz / config.f0_min)
    logits = np.append(-0.5 * (np.arange(config.num_bins) - position) ** 2, 1.0)
    # a lower peak elsewhere
    logits[:5] += 0.0 if position < 20 else 0.5 * (position - 10) ** 2 - 50
    f0 = F0Predictor(config, 4).decode(torch.from_numpy(logits)[None, :, None])
    # the lowest bin has nothing below to average
    assert abs(1200 * np.log2(float(f0) / hz)) < (1 if hz > 60 else 15)


def test_a_frame_is_voiced_where_the_last_logit_is_positive():
    logits = torch.zeros(1, CONFIG.num_bins + 1, 3)
    logits[:, -1] = torch.tensor([-1.0, 0.0, 1.0])
    assert (F0Predictor(CONFIG, 10).decode(logits)[0, 0] > 0).tolist() == [False, False, True]
