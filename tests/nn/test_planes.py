from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from wavehax.nn import planes


# Odd and even numbers of bins, frames beside multiples of 4; the last is smaller than a kernel.
@pytest.mark.parametrize(("bins", "frames"), [(20, 8), (21, 9), (20, 11), (33, 1), (2, 3)])
@pytest.mark.parametrize("kernel", [(7, 5), (5, 3), (3, 3), (1, 1)])
def test_the_gradient_of_a_plane_is_that_of_the_convolution(bins, frames, kernel):
    torch.manual_seed(0)
    plane = torch.randn(2, bins, frames, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 2, *kernel, dtype=torch.float64, requires_grad=True)
    padding = kernel[0] // 2, kernel[1] // 2

    def convolve(plane: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(
            torch.stack([plane, torch.ones_like(plane)], dim=1), weight, None, (2, 1), padding
        )

    expected = convolve(plane)
    grad = torch.randn_like(expected)
    made = planes.attach(convolve(plane.detach()), plane, weight[:, 0].detach())
    assert torch.equal(made, expected)
    for a, b in zip(
        torch.autograd.grad(made, (plane, weight), grad),
        torch.autograd.grad(expected, (plane, weight), grad),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_weights_alone_are_had_without_the_gradient_of_the_plane(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr(planes, "_gradient", refuse)
    plane = torch.randn(1, 8, 8, requires_grad=True)
    weight = torch.randn(3, 1, 3, 3, requires_grad=True)
    out = functional.conv2d(plane.detach()[:, None], weight, None, (2, 1), 1)
    out = planes.attach(out, plane, weight[:, 0].detach()).sum()
    out.backward(inputs=[weight], retain_graph=True)
    assert weight.grad is not None
    with pytest.raises(AssertionError, match="computed"):
        out.backward(inputs=[plane])
