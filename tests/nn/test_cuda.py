"""The depthwise convolution for GPUs against PyTorch's; on a CPU in Triton's interpreter, in a
process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

pytest.importorskip("triton", reason="Triton comes with PyTorch for CUDA")

_COMPARE = """
import torch
from wavehax.nn import cuda

device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(0)
x = torch.randn(2, 17 + 4, 20 + 2, 4, device=device, requires_grad=True)  # two blocks of rows
weight = torch.randn(4, 1, 5, 3, device=device, requires_grad=True)
out = cuda.depthwise(x, weight)
planes = x.double().permute(0, 3, 1, 2)
expected = torch.nn.functional.conv2d(planes, weight.double(), groups=4).permute(0, 2, 3, 1)
torch.testing.assert_close(out.double(), expected, rtol=1e-4, atol=1e-4)
grad = torch.randn_like(out)
found = torch.autograd.grad(out, (x, weight), grad)
for a, b in zip(found, torch.autograd.grad(expected, (x, weight), grad.double()), strict=True):
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
"""


def test_outputs_and_gradients_equal_pytorchs_in_float64() -> None:
    environment = dict(os.environ)
    if not torch.cuda.is_available():
        environment["TRITON_INTERPRET"] = "1"
    subprocess.run([sys.executable, "-c", _COMPARE], check=True, env=environment)
