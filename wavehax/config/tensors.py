"""Names and shapes of the tensors that follow from a configuration."""

from __future__ import annotations

from wavehax.config.f0 import F0Config
from wavehax.config.generator import FILTER_TAPS, GeneratorConfig


def parameter_shapes(config: GeneratorConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a model file, in the order of the forward pass.

    The names are those of `wavehax.nn.Generator.state_dict()` and of the C++ engine; all are
    float32.
    """
    c, f, mels = config.channels, config.num_bins, config.n_mels
    shapes: dict[str, tuple[int, ...]] = {"mel_mean": (mels,), "mel_scale": (mels,)}
    if config.num_streams > 1:
        taps = config.num_streams if config.stream_filter == "dwt" else FILTER_TAPS
        shapes["filter_bank.analysis.weight"] = (config.num_streams, 1, taps)
        shapes["filter_bank.synthesis.weight"] = (1, config.num_streams, taps)
    elif config.has_prior_proj:
        shapes["prior_proj.weight"] = (f, f, config.projection_taps)
        shapes["prior_proj.bias"] = (f,)
    shapes["cond_proj.weight"] = (config.num_streams * f, mels, config.projection_taps)
    shapes["cond_proj.bias"] = (config.num_streams * f,)
    if config.output == "excitation":
        shapes["env_proj.weight"] = (f, mels, 1)
        shapes["env_proj.bias"] = (f,)
    shapes["input_proj.weight"] = (c, config.planes)
    shapes.update(_norm_shapes("input_norm", config.outer_norm, c))
    for i in range(config.num_blocks):
        shapes.update(_block_shapes(f"blocks.{i}", config))
    shapes.update(_norm_shapes("output_norm", config.outer_norm, c))
    outputs = 2 * config.num_streams
    shapes["output_proj.weight"] = (outputs, c)
    shapes["output_proj.bias"] = (outputs,)
    return shapes


def f0_parameter_shapes(config: F0Config, n_mels: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a predictor of F0; in a model file `f0.` precedes them.

    The names are those of `wavehax.nn.f0.F0Predictor.state_dict()` and of the C++ engine; all are
    float32.
    """
    channels, taps = config.channels, config.kernel_size
    shapes: dict[str, tuple[int, ...]] = {"mel_mean": (n_mels,), "mel_scale": (n_mels,)}
    shapes |= {"input_proj.weight": (channels, n_mels, taps), "input_proj.bias": (channels,)}
    for i in range(config.num_blocks):
        shapes |= {
            f"blocks.{i}.weight": (channels, channels, taps),
            f"blocks.{i}.bias": (channels,),
        }
    outputs = config.num_bins + 1
    return shapes | {"output_proj.weight": (outputs, channels, 1), "output_proj.bias": (outputs,)}


def _block_shapes(name: str, config: GeneratorConfig) -> dict[str, tuple[int, ...]]:
    c, expanded = config.channels, config.channels * config.mult_channels
    return {
        f"{name}.dwconv.weight": (c, 1, *config.kernel_size),
        **_norm_shapes(f"{name}.norm", config.norm, c),
        f"{name}.pwconv1.weight": (expanded, c),
        f"{name}.pwconv1.bias": (expanded,),
        f"{name}.pwconv2.weight": (c, expanded),
        f"{name}.pwconv2.bias": (c,),
        f"{name}.gamma": (c,),
    }


def _norm_shapes(name: str, norm: str, channels: int) -> dict[str, tuple[int, ...]]:
    parts = ["weight", "bias"] + (["running_mean", "running_var"] if norm == "batch" else [])
    return {f"{name}.{part}": (channels,) for part in parts}
