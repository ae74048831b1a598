from __future__ import annotations

import numpy as np
import pytest
import torch

from wavehax.config import GeneratorConfig
from wavehax.nn.layers import BatchNorm, DepthwiseConv, FrameNorm, UtteranceNorm, pad_time


def filled(norm: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in norm.state_dict().values():
            value.add_(torch.rand(value.shape, generator=generator))
    return norm


@pytest.fixture
def x() -> torch.Tensor:
    # [B, F, T, C]
    return 3 * torch.randn(2, 9, 5, 4, generator=torch.Generator().manual_seed(0)) + 1


@pytest.mark.parametrize("length", [1, 2, 3, 5, 12])
@pytest.mark.parametrize(("before", "after"), [(3, 3), (0, 4), (31, 31), (1, 0)])
def test_reflection_bounces_as_numpy_does(length, before, after):
    wave = np.random.default_rng(0).standard_normal((2, 3, length)).astype(np.float32)
    expected = np.pad(wave, ((0, 0), (0, 0), (before, after)), mode="reflect")
    np.testing.assert_array_equal(pad_time(torch.tensor(wave), before, after, "reflect"), expected)
    planes = pad_time(
        torch.tensor(wave)[:, :, None].expand(-1, -1, 2, -1), before, after, "reflect"
    )
    np.testing.assert_array_equal(planes[:, :, 1], expected)


@pytest.mark.parametrize(("norm", "axes"), [(UtteranceNorm, (1, 2, 3)), (FrameNorm, (1, 3))])
def test_norms_over_one_utterance_equal_numpy(norm, axes, x):
    norm, values = filled(norm(4)), x.double().numpy()
    mean, variance = values.mean(axes, keepdims=True), values.var(axes, keepdims=True)
    expected = (values - mean) / np.sqrt(
        variance + 1e-6
    ) * norm.weight.detach().numpy() + norm.bias.detach().numpy()
    np.testing.assert_allclose(norm(x).detach(), expected, atol=2e-6)


def test_batch_norm_equals_torch_in_training_and_afterwards(x):
    ours, torchs = filled(BatchNorm(4)), torch.nn.BatchNorm2d(4, eps=1e-6)
    torchs.load_state_dict({**ours.state_dict(), "num_batches_tracked": torch.tensor(0)})
    for training in (True, True, False):
        ours.train(training), torchs.train(training)
        expected = torchs(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        torch.testing.assert_close(ours(x), expected, rtol=0, atol=2e-6)
    torch.testing.assert_close(ours.running_var, torchs.running_var)
    torch.testing.assert_close(ours.running_mean, torchs.running_mean)


@pytest.mark.parametrize("time_padding", ["reflect", "causal"])
@pytest.mark.parametrize("frames", [1, 2, 3, 8])
def test_depthwise_convolution_equals_a_sum_over_the_padded_plane(time_padding, frames):
    config = GeneratorConfig(
        channels=3, kernel_size=(5, 7), n_fft=16, hop_length=8, time_padding=time_padding
    )
    conv = DepthwiseConv(config)
    x = torch.randn(2, 9, frames, 3, generator=torch.Generator().manual_seed(0))
    plane = np.pad(x.double().numpy(), ((0, 0), (2, 2), (0, 0), (0, 0)), mode="reflect")
    if time_padding == "causal":
        plane = np.pad(plane, ((0, 0), (0, 0), (6, 0), (0, 0)))
    else:
        plane = np.pad(plane, ((0, 0), (0, 0), (3, 3), (0, 0)), mode="reflect")
    weight = conv.weight[:, 0].detach().double().numpy()  # [C, 5, 7]
    # [B, F, T, C]
    expected = sum(
        plane[:, i : i + 9, j : j + frames] * weight[:, i, j] for i in range(5) for j in range(7)
    )
    np.testing.assert_allclose(conv(x).detach(), expected, atol=1e-5)


def test_depthwise_convolution_keeps_channels_last_in_memory():
    conv = DepthwiseConv(GeneratorConfig(channels=8, kernel_size=(3, 3), n_fft=32, hop_length=16))
    assert conv(torch.randn(2, 17, 6, 8)).is_contiguous()


@pytest.mark.parametrize(
    ("time_padding", "frames"), [("causal", 12), ("reflect", 12), ("reflect", 2)]
)
def test_the_padding_for_gpus_is_that_of_the_convolution(time_padding: str, frames: int) -> None:
    config = GeneratorConfig(
        channels=4, kernel_size=(7, 5), time_padding=time_padding, norm="frame"
    )
    conv = DepthwiseConv(config).double()
    x = torch.randn(2, 9, frames, 4, dtype=torch.float64)
    padded = conv._padded(x).permute(0, 3, 1, 2)
    convolved = torch.nn.functional.conv2d(padded, conv.weight, groups=4).permute(0, 2, 3, 1)
    torch.testing.assert_close(convolved, conv(x))
