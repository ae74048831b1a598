"""Cases that `wavehax bench --peers` adds: PyTorch, and ONNX Runtime where it is installed.

Each runs on one thread. Networks of other vocoders have the published shapes and random weights:
speed does not depend on their values.
"""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wavehax.bench.cases import Case, inputs
from wavehax.checkpoint import Model
from wavehax.config import NORM_EPSILON, GeneratorConfig
from wavehax.nn import build_generator
from wavehax.nn.baselines import HifiGan, VocosBackbone
from wavehax.nn.layers import Projection

_RATE, _MELS = 24000, 100  # sample rate in Hz and bands of the other vocoders


def model_peers(name: str, model: Model, seconds: float) -> list[Case]:
    """A model in PyTorch, and in ONNX Runtime.

    ONNX Runtime runs the graph that `wavehax export` writes, and the network alone, without prior
    and transforms.
    """
    torch.set_num_threads(1)
    config = model.generator
    generator = build_generator(config, model.features.magnitude_floor).eval()
    generator.load_state_dict(
        {key: torch.from_numpy(value.copy()) for key, value in model.weights.items()}
    )
    mel, f0 = (torch.from_numpy(x) for x in inputs(config, seconds))
    length = len(f0) * config.hop_length / config.sample_rate

    def run() -> None:
        with torch.inference_mode():
            generator(mel[None], f0[None, None])

    spectrum = torch.randn(2 * config.num_streams, config.num_bins, len(f0))
    return [
        Case(name, "PyTorch", length, run),
        *_exported_case(name, model, mel.numpy(), f0.numpy(), length),
        *_onnx_case(name, "ONNX body", _Body(config), (mel[None], spectrum), length),
    ]


def other_vocoders(seconds: float) -> list[Case]:
    """The backbone of Vocos, and HiFi-GAN V1 for a hop of 240, in PyTorch and ONNX Runtime."""
    torch.set_num_threads(1)
    cases = []
    for name, network, mel, length in other_networks(seconds):
        cases.append(Case(name, "PyTorch", length, _runner(network, mel)))
        cases += _onnx_case(name, "ONNX", network, (mel,), length)
    return cases


def other_networks(seconds: float) -> list[tuple[str, nn.Module, Tensor, float]]:
    """Name, network, mel [1, bands, T] and seconds of sound of each of the other vocoders."""
    networks: list[tuple[str, nn.Module, Tensor, float]] = []
    vocos, hifigan = VocosBackbone(_MELS, 512, 1536, 1024), HifiGan(_MELS, 512, (5, 4, 4, 3))
    for name, network, hop in (("Vocos shape", vocos, 256), ("HiFi-GAN V1 shape", hifigan, 240)):
        frames = max(1, round(seconds * _RATE / hop))
        mel = torch.randn(1, _MELS, frames)
        networks.append((name, network.eval(), mel, frames * hop / _RATE))
    return networks


def _runner(network: nn.Module, *values: Tensor) -> Any:
    def run() -> None:
        with torch.inference_mode():
            network(*values)

    return run


def _exported_case(
    name: str, model: Model, mel: np.ndarray, f0: np.ndarray, seconds: float
) -> list[Case]:
    """The case of the exported graph; none where the extra [onnx] is not installed."""
    if any(importlib.util.find_spec(module) is None for module in ("onnx", "onnxruntime")):
        return []
    from wavehax.export.onnx import build

    noise = np.zeros(
        (len(f0) + (model.generator.frame_alignment == "centre")) * model.generator.hop_length,
        np.float32,
    )
    feed = {"mel": mel[None], "f0": f0[None], "noise": noise[None], "phase": np.zeros(1)}
    session = _session(build(model).SerializeToString())
    return [Case(name, "ONNX", seconds, lambda: session.run(None, feed) and None)]


def _onnx_case(
    name: str, what: str, network: nn.Module, values: tuple[Tensor, ...], seconds: float
) -> list[Case]:
    """The case of a network that PyTorch exports to ONNX.

    There is none where ONNX Runtime, or onnxscript, which PyTorch exports with, is not installed.
    """
    if any(importlib.util.find_spec(module) is None for module in ("onnxruntime", "onnxscript")):
        return []
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    program = torch.onnx.export(network.eval(), values, dynamo=True, verbose=False)
    assert program is not None  # it is None with dynamo=False only
    session = _session(program.model_proto.SerializeToString())
    feed = {
        node.name: value.numpy() for node, value in zip(session.get_inputs(), values, strict=True)
    }
    return [Case(name, what, seconds, lambda: session.run(None, feed) and None)]


def _session(graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class _Body(nn.Module):
    """The network of a generator in the layout that ONNX Runtime runs fastest.

    Channels come before bins and frames, and batch norms are folded into the weights. It takes a
    mel [1, n_mels, T] and spectra [2S, F, T] to [1, 2S, F, T]. It has the shape of the generator,
    and random weights.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config, streams, bins = config, config.num_streams, config.num_bins
        self.cond_proj = Projection(config.n_mels, streams * bins, config)
        self.prior_proj = Projection(bins, bins, config) if config.has_prior_proj else None
        self.input_proj = nn.Conv2d(config.planes, config.channels, 1)
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
        self.norm, self.time, self.bins = (
            config.norm,
            (before, frames - before, 0, 0),
            (0, 0, bins, bins),
        )
        self.dwconv = nn.Conv2d(channels, channels, config.kernel_size, groups=channels)
        self.pwconv1, self.pwconv2 = (
            nn.Conv2d(channels, expanded, 1),
            nn.Conv2d(expanded, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = functional.pad(functional.pad(x, self.bins, mode="reflect"), self.time)
        y = _normalised(self.dwconv(y), self.norm)
        return x + self.pwconv2(functional.gelu(self.pwconv1(y)))


def _normalised(x: Tensor, norm: str) -> Tensor:
    """`x` [1, C, F, T] brought to mean 0 and variance 1, over the utterance or over each frame.

    A batch norm is part of the weights.
    """
    if norm == "batch":
        return x
    dims = (1, 2, 3) if norm == "utterance" else (1, 2)
    x = x - x.mean(dims, keepdim=True)
    return x * torch.rsqrt(x.square().mean(dims, keepdim=True) + NORM_EPSILON)
