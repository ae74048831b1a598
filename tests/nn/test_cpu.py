from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

import wavehax
from wavehax.config import GeneratorConfig
from wavehax.nn import build_generator, cpu
from wavehax.nn.layers import ConvNeXtBlock, DepthwiseConv

# Batch, bins, frames, channels, kernel: channels beside multiples of 16, one frame, kernels as wide
# as can be.
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


class Depthwise(torch.nn.Module):
    """The layer with the moments of its output and its input, by the kernels in float32 and by
    PyTorch in float64."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.conv = DepthwiseConv(config)

    def forward(self, x: Tensor) -> Tensor:
        if cpu.usable(x):
            y, mean, variance, x = self.conv.with_moments(x)
        else:
            y = self.conv(x)
            variance, mean = torch.var_mean(y, dim=(0, 1, 2), correction=0)
        return torch.cat([y, mean.expand_as(y), variance.expand_as(y), x])


def depthwise_case(
    batch, bins, frames, channels, kernel, time_padding
) -> tuple[torch.nn.Module, Tensor, Tensor]:
    """A layer, its input and the gradient of its output."""
    torch.manual_seed(0)
    config = GeneratorConfig(
        channels=channels,
        kernel_size=kernel,
        n_fft=2 * bins - 2,
        hop_length=2,
        time_padding=time_padding,
        norm="frame",
    )
    return (
        Depthwise(config),
        torch.randn(batch, bins, frames, channels),
        torch.randn(4 * batch, bins, frames, channels),
    )


def run(module: torch.nn.Module, x: Tensor, grad: Tensor) -> list[Tensor]:
    """Output, and the gradients of the input and of every parameter."""
    x = x.detach().clone().requires_grad_()
    module.zero_grad()
    out = module(x)
    out.backward(grad)
    return [out.detach(), x.grad, *(parameter.grad.clone() for parameter in module.parameters())]


def assert_equals_float64(
    module: torch.nn.Module, x: Tensor, grad: Tensor, atol: float = 4e-6
) -> None:
    """`atol` is relative to the largest value of a tensor."""
    values = run(module, x, grad)
    assert not cpu.usable(x.double())
    for value, exact in zip(values, run(module.double(), x.double(), grad.double()), strict=True):
        torch.testing.assert_close(
            value.double(), exact, rtol=0, atol=atol * float(exact.abs().max())
        )


@pytest.mark.parametrize("time_padding", ["causal", "reflect"])
@pytest.mark.parametrize("shape", DEPTHWISE)
def test_depthwise_convolution_and_its_gradients_equal_float64(isa, shape, time_padding):
    assert_equals_float64(*depthwise_case(*shape, time_padding))


# Positions, channels, expansion: parts of a chunk, of an item of work, and several; channels beside
# multiples of 16.
@pytest.mark.parametrize(
    ("positions", "channels", "mult"), [(2, 3, 1), (33, 17, 4), (2048, 16, 3), (4500, 5, 2)]
)
def test_pointwise_layers_and_their_gradients_equal_float64(isa, positions, channels, mult):
    torch.manual_seed(0)

    class Pointwise(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w1 = torch.nn.Parameter(torch.randn(mult * channels, channels))
            self.b1 = torch.nn.Parameter(torch.randn(mult * channels))
            self.w2 = torch.nn.Parameter(torch.randn(channels, mult * channels))
            self.b2 = torch.nn.Parameter(torch.randn(channels))

        def forward(self, x: Tensor) -> Tensor:
            if cpu.usable(x):
                return cpu.mlp(x, self.w1, self.b1, self.w2, self.b2, residual=x)
            hidden = functional.gelu(functional.linear(x, self.w1, self.b1))
            return x + functional.linear(hidden, self.w2, self.b2)

    x = torch.randn(positions, channels)
    assert_equals_float64(Pointwise(), x, torch.randn_like(x))


def test_gelu_and_its_derivative_are_right_to_a_millionth_and_pass_on_what_is_not_a_number(isa):
    one, zero = torch.ones(1, 1), torch.zeros(1)
    x = torch.cat([torch.linspace(-12, 12, 200_001), torch.tensor([-1e30, 1e30, torch.nan])])[
        :, None
    ].requires_grad_()
    y = cpu.mlp(x, one, zero, one, zero, residual=torch.zeros_like(x))
    y.backward(torch.ones_like(y))
    exact = x.detach().double().requires_grad_()
    z = functional.gelu(exact)
    z.backward(torch.ones_like(z))
    torch.testing.assert_close(y.double(), z, rtol=1e-6, atol=1e-6, equal_nan=True)
    torch.testing.assert_close(x.grad.double(), exact.grad, rtol=0, atol=1e-6, equal_nan=True)


@pytest.fixture
def block() -> ConvNeXtBlock:
    """Of 16 channels and 141 bins, with batch normalisation."""
    torch.manual_seed(0)
    return ConvNeXtBlock(GeneratorConfig(channels=16, n_fft=280, hop_length=140, norm="batch"))


def test_any_number_of_threads_gives_the_same_bits(isa, block):
    x = torch.randn(2, 141, 20, 16)
    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            results.append(run(block, x, x.flip(1)))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_any_strides_give_the_same_bits(block):
    dense = torch.randn(2, 141, 6, 16), torch.randn(2, 141, 6, 16)
    views = [x.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0) for x in dense]
    assert all(
        torch.equal(a, b) for a, b in zip(run(block, *dense), run(block, *views), strict=True)
    )


@pytest.mark.parametrize("norm", ["batch", "frame", "utterance"])
@pytest.mark.parametrize("time_padding", ["causal", "reflect"])
def test_gradients_of_a_generator_agree_with_those_of_torch(norm, time_padding, monkeypatch):
    config = GeneratorConfig(
        n_mels=5,
        channels=6,
        num_blocks=3,
        n_fft=32,
        hop_length=16,
        norm=norm,
        time_padding=time_padding,
    )
    torch.manual_seed(0)
    generator = build_generator(config)
    mel, f0 = torch.randn(2, 5, 9), torch.full((2, 1, 9), 200.0)
    prior = generator.make_prior(f0)

    def gradients(generator: torch.nn.Module) -> list[Tensor]:
        generator.zero_grad()
        generator(mel, f0, prior).square().mean().backward()
        return [parameter.grad.clone() for parameter in generator.parameters()]

    other = copy.deepcopy(generator)
    ours = gradients(generator)
    monkeypatch.setattr(cpu, "usable", lambda *tensors: False)
    for a, b in zip(ours, gradients(other), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=2e-5 * float(b.abs().max()) + 1e-9)
    for name, value in other.state_dict().items():
        torch.testing.assert_close(generator.state_dict()[name], value, rtol=1e-5, atol=1e-6)


def test_kernels_refuse_what_they_cannot_compute():
    x, weight = torch.randn(1, 5, 3, 4), torch.randn(4, 1, 3, 3)
    with pytest.raises(
        ValueError, match=r"weight has shape \[3, 1, 3, 3\]; expected \[C, 1, bins, frames\]"
    ):
        cpu.depthwise(x, weight[:3], 2, True)
    with pytest.raises(ValueError, match=r"weight spans 11 bins; expected an odd number below 10"):
        cpu.depthwise(x, torch.randn(4, 1, 11, 3), 2, True)
    with pytest.raises(ValueError, match=r"before is 3; expected 0 to 2"):
        cpu.depthwise(x, weight, 3, True)
    m = np.zeros(4, np.float32)
    with pytest.raises(ValueError, match="isa='mmx'"):
        cpu._training.depthwise_forward(
            x.numpy(), weight.numpy(), 2, True, 1, x.numpy(), m, m, "mmx"
        )


def test_without_gradients_and_in_evaluation_torch_computes(monkeypatch):
    block = ConvNeXtBlock(
        GeneratorConfig(channels=4, kernel_size=(5, 3), n_fft=16, hop_length=8, norm="batch")
    )
    x = torch.randn(1, 9, 6, 4)
    monkeypatch.setattr(cpu, "depthwise", None)
    with torch.no_grad():
        block(x)
    block.eval()(x)
