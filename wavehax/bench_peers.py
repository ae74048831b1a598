"""What `wavehax bench --peers` compares with, on one thread each: PyTorch, and ONNX Runtime where it is installed.

Networks of other vocoders have the published shapes and random weights: speed does not depend on their values.
"""

from __future__ import annotations

import importlib.util
import io
import logging
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wavehax.bench import Case, inputs
from wavehax.checkpoint import Model
from wavehax.config import NORM_EPSILON, PROJECTION_TAPS, GeneratorConfig
from wavehax.nn import build_generator

_RATE, _MELS = 24000, 100  # of the other vocoders


def model_peers(name: str, model: Model, seconds: float) -> list[Case]:
    """This project's PyTorch generator, whole; and its network alone, without prior and transforms, in ONNX Runtime."""
    torch.set_num_threads(1)
    config = model.generator
    generator = build_generator(config).eval()
    generator.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in model.weights.items()})
    mel, f0 = (torch.from_numpy(x) for x in inputs(config, seconds))
    length = len(f0) * config.hop_length / config.sample_rate

    def run() -> None:
        with torch.inference_mode():
            generator(mel[None], f0[None, None])

    spectrum = torch.randn(2 * config.num_streams, config.num_bins, len(f0))
    return [
        Case(name, "PyTorch", length, run),
        *_onnx_case(name, "ONNX body", _Body(config), (mel[None], spectrum), length),
    ]


def other_vocoders(seconds: float) -> list[Case]:
    """The backbone of Vocos and HiFi-GAN V1, in PyTorch and ONNX Runtime."""
    torch.set_num_threads(1)
    cases = []
    for name, network, hop in (("Vocos shape", _VocosBackbone(), 256), ("HiFi-GAN V1 shape", _HifiGan(), 240)):
        frames = max(1, round(seconds * _RATE / hop))
        mel, length = torch.randn(1, _MELS, frames), frames * hop / _RATE
        cases.append(Case(name, "PyTorch", length, _runner(network.eval(), mel)))
        cases += _onnx_case(name, "ONNX", network, (mel,), length)
    return cases


def _runner(network: nn.Module, *values: Tensor) -> Any:
    def run() -> None:
        with torch.inference_mode():
            network(*values)

    return run


def _onnx_case(name: str, what: str, network: nn.Module, values: tuple[Tensor, ...], seconds: float) -> list[Case]:
    """None where ONNX Runtime, or what PyTorch exports with, is not installed."""
    if any(importlib.util.find_spec(module) is None for module in ("onnxruntime", "onnxscript")):
        return []
    import onnxruntime

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    file = io.BytesIO()
    torch.onnx.export(network.eval(), values, dynamo=True, verbose=False).save(file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    feed = {node.name: value.numpy() for node, value in zip(session.get_inputs(), values, strict=True)}
    return [Case(name, what, seconds, lambda: session.run(None, feed) and None)]


class _Body(nn.Module):
    """The network of a generator as ONNX Runtime likes it, channels before bins and frames, norms of the batch folded.

    Mel [1, n_mels, T] and spectra [2S, F, T] to [1, 2S, F, T]; of the generator's shape, with weights of its own.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config, streams, bins = config, config.num_streams, config.num_bins
        self.cond_proj = nn.Conv1d(config.n_mels, streams * bins, PROJECTION_TAPS, padding=PROJECTION_TAPS // 2)
        self.prior_proj = nn.Conv1d(bins, bins, PROJECTION_TAPS, padding=PROJECTION_TAPS // 2) if streams == 1 else None
        self.input_proj = nn.Conv2d(5 if streams == 1 else 3 * streams, config.channels, 1)
        self.blocks = nn.ModuleList(_BodyBlock(config) for _ in range(config.num_blocks))
        self.output_proj = nn.Conv2d(config.channels, 2 * streams, 1)

    def forward(self, mel: Tensor, spectra: Tensor) -> Tensor:
        planes = [self.cond_proj(mel).unflatten(1, (self.config.num_streams, -1)), spectra[None]]
        if self.prior_proj is not None:
            planes.append(self.prior_proj(spectra)[None])
        x = _normalised(self.input_proj(torch.cat(planes, dim=1)), self.config.outer_norm)
        for block in self.blocks:
            x = block(x)
        return self.output_proj(_normalised(x, self.config.outer_norm))


class _BodyBlock(nn.Module):
    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        channels, expanded = config.channels, config.channels * config.mult_channels
        bins, frames = config.kernel_size[0] // 2, config.kernel_size[1] - 1
        before = frames if config.time_padding == "causal" else frames // 2
        self.norm, self.time, self.bins = config.norm, (before, frames - before, 0, 0), (0, 0, bins, bins)
        self.dwconv = nn.Conv2d(channels, channels, config.kernel_size, groups=channels)
        self.pwconv1, self.pwconv2 = nn.Conv2d(channels, expanded, 1), nn.Conv2d(expanded, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.pad(functional.pad(x, self.bins, mode="reflect"), self.time)
        y = _normalised(self.dwconv(y), self.norm)
        return x + self.pwconv2(functional.gelu(self.pwconv1(y)))


def _normalised(x: Tensor, norm: str) -> Tensor:
    """[1, C, F, T] by the moments of the whole or of each frame; a norm of the batch has gone into the weights."""
    if norm == "batch":
        return x
    dims = (1, 2, 3) if norm == "utterance" else (1, 2)
    x = x - x.mean(dims, keepdim=True)
    return x * torch.rsqrt(x.square().mean(dims, keepdim=True) + NORM_EPSILON)


class _VocosBlock(nn.Module):
    def __init__(self, width: int, expanded: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width, eps=1e-6), nn.Linear(width, expanded), nn.GELU(), nn.Linear(expanded, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.depthwise(x).transpose(1, 2)).transpose(1, 2)


class _VocosBackbone(nn.Module):
    """Vocos (Siuzdak, arXiv 2306.00814, section 4): 8 ConvNeXt blocks 512 / 1536, n_fft 1024; without the iSTFT."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv1d(_MELS, 512, 7, padding=3)
        self.norm = nn.LayerNorm(512, eps=1e-6)
        self.blocks = nn.Sequential(*(_VocosBlock(512, 1536) for _ in range(8)))
        self.head = nn.Sequential(nn.LayerNorm(512, eps=1e-6), nn.Linear(512, 1026))

    def forward(self, mel: Tensor) -> Tensor:
        x = self.norm(self.embed(mel).transpose(1, 2)).transpose(1, 2)
        return self.head(self.blocks(x).transpose(1, 2))


class _HifiGan(nn.Module):
    """HiFi-GAN V1 (Kong et al., arXiv 2010.05646, appendix A.1) with rates 5, 4, 4, 3 for a hop of 240."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(_MELS, 512, 7, padding=3)
        self.upsample, self.residual = nn.ModuleList(), nn.ModuleList()
        for i, rate in enumerate((5, 4, 4, 3)):
            width = 256 >> i
            padding = {"padding": (rate + 1) // 2, "output_padding": rate % 2}
            self.upsample.append(nn.ConvTranspose1d(2 * width, width, 2 * rate, rate, **padding))
            self.residual.append(nn.ModuleList(self._branch(width, kernel) for kernel in (3, 7, 11)))
        self.last = nn.Conv1d(32, 1, 7, padding=3)

    @staticmethod
    def _branch(width: int, kernel: int) -> nn.ModuleList:
        def conv(dilation: int) -> nn.Conv1d:
            return nn.Conv1d(width, width, kernel, dilation=dilation, padding=dilation * (kernel // 2))

        activation = nn.LeakyReLU(0.1)
        return nn.ModuleList(nn.Sequential(activation, conv(d), activation, conv(1)) for d in (1, 3, 5))

    def forward(self, mel: Tensor) -> Tensor:
        x = self.first(mel)
        for upsample, branches in zip(self.upsample, self.residual, strict=True):
            x = upsample(functional.leaky_relu(x, 0.1))
            total = torch.zeros_like(x)
            for branch in branches:
                y = x
                for step in branch:
                    y = y + step(y)
                total = total + y
            x = total / 3
        return torch.tanh(self.last(functional.leaky_relu(x)))
