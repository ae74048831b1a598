from __future__ import annotations

import pytest
import torch
from torch import Tensor

import wavehax
from wavehax.config import GeneratorConfig
from wavehax.nn import build_generator, kernels
from wavehax.nn.layers import DepthwiseConv

# Batch, bins, frames, channels, kernel: channels beside multiples of 16, one frame, kernels as wide as can be.
DEPTHWISE = [
    (2, 9, 5, 4, (5, 7)),
    (1, 9, 1, 3, (7, 7)),
    (1, 9, 33, 17, (13, 9)),
    (2, 65, 20, 32, (3, 15)),
    (1, 141, 50, 16, (13, 7)),
    (3, 5, 3, 1, (9, 3)),
    (1, 5, 16, 16, (1, 1)),
]


@pytest.fixture(params=wavehax.available_isas())
def isa(request, monkeypatch) -> str:
    monkeypatch.setenv("WAVEHAX_ISA", request.param)
    return request.param


def depthwise_case(batch, bins, frames, channels, kernel, time_padding) -> tuple[DepthwiseConv, Tensor, Tensor]:
    """A layer, its input and the gradient of its output."""
    torch.manual_seed(0)
    config = GeneratorConfig(
        channels=channels, kernel_size=kernel, n_fft=2 * bins - 2, hop_length=2, time_padding=time_padding, norm="frame"
    )
    x = torch.randn(batch, bins, frames, channels)
    return DepthwiseConv(config), x, torch.randn_like(x)


def run(module: torch.nn.Module, x: Tensor, grad: Tensor) -> list[Tensor]:
    """Output, and the gradients of the input and of every parameter."""
    x = x.detach().clone().requires_grad_()
    module.zero_grad()
    out = module(x)
    out.backward(grad)
    return [out.detach(), x.grad, *(parameter.grad.clone() for parameter in module.parameters())]


def assert_equals_float64(module: torch.nn.Module, x: Tensor, grad: Tensor, atol: float = 4e-6) -> None:
    """`atol` is relative to the largest value of a tensor."""
    values = run(module, x, grad)
    assert not kernels.usable(x.double())
    for value, exact in zip(values, run(module.double(), x.double(), grad.double()), strict=True):
        torch.testing.assert_close(value.double(), exact, rtol=0, atol=atol * float(exact.abs().max()))


@pytest.mark.parametrize("time_padding", ["causal", "reflect"])
@pytest.mark.parametrize("shape", DEPTHWISE)
def test_depthwise_convolution_and_its_gradients_equal_float64(isa, shape, time_padding):
    assert_equals_float64(*depthwise_case(*shape, time_padding))


def test_any_number_of_threads_gives_the_same_bits(isa):
    conv, x, grad = depthwise_case(2, 141, 20, 16, (13, 7), "causal")
    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            results.append(run(conv, x, grad))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_any_strides_give_the_same_bits():
    conv, *dense = depthwise_case(2, 9, 6, 4, (5, 3), "causal")
    views = [x.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0) for x in dense]
    assert all(torch.equal(a, b) for a, b in zip(run(conv, *dense), run(conv, *views), strict=True))


@pytest.mark.parametrize("norm", ["batch", "frame", "utterance"])
@pytest.mark.parametrize("time_padding", ["causal", "reflect"])
def test_gradients_of_a_generator_agree_with_those_of_torch(norm, time_padding, monkeypatch):
    config = GeneratorConfig(
        n_mels=5, channels=6, num_blocks=3, n_fft=32, hop_length=16, norm=norm, time_padding=time_padding
    )
    torch.manual_seed(0)
    generator = build_generator(config)
    mel, f0 = torch.randn(2, 5, 9), torch.full((2, 1, 9), 200.0)
    prior = generator.make_prior(f0)

    def gradients() -> list[Tensor]:
        generator.zero_grad()
        generator(mel, f0, prior).square().mean().backward()
        return [parameter.grad.clone() for parameter in generator.parameters()]

    fast = gradients()
    monkeypatch.setattr(kernels, "usable", lambda *tensors: False)
    for ours, torchs in zip(fast, gradients(), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=0, atol=2e-5 * float(torchs.abs().max()) + 1e-9)


def test_kernels_refuse_what_they_cannot_compute():
    x, weight = torch.randn(1, 5, 3, 4), torch.randn(4, 1, 3, 3)
    with pytest.raises(ValueError, match=r"weight has shape \[3, 1, 3, 3\]; expected \[C, 1, bins, frames\]"):
        kernels.depthwise(x, weight[:3], 2, True)
    with pytest.raises(ValueError, match=r"weight spans 11 bins; expected an odd number below 10"):
        kernels.depthwise(x, torch.randn(4, 1, 11, 3), 2, True)
    with pytest.raises(ValueError, match=r"before is 3; expected 0 to 2"):
        kernels.depthwise(x, weight, 3, True)
    with pytest.raises(ValueError, match="isa='mmx'"):
        kernels._training.depthwise_forward(x.numpy(), weight.numpy(), 2, True, 1, x.numpy(), "mmx")


def test_without_gradients_and_in_evaluation_torch_computes(monkeypatch):
    conv, x, _ = depthwise_case(1, 9, 6, 4, (5, 3), "causal")
    monkeypatch.setattr(kernels, "depthwise", None)
    with torch.no_grad():
        conv(x)
    conv.eval()(x)
