"""Import of checkpoints of the authors' implementation (github.com/chomeyama/wavehax).

Theirs: `torch.save` of {"model": {"generator": state_dict, ...}, "optimizer": ..., ...}, and a YAML
whose `_target_` names the generator class, with the constructor's arguments beside it. Every weight
of theirs must find its place in ours, and every place of ours its weight.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.checkpoint import Model, check_model
from wavehax.config import (
    FEATURES,
    ConfigError,
    FeatureConfig,
    GeneratorConfig,
    from_dict,
    parameter_shapes,
)
from wavehax.errors import ModelError, one_line
from wavehax.files.yaml import read_yaml
from wavehax.mel.definitions import definition_of
from wavehax.mel.files import read_stats
from wavehax.official.checkpoint import read_generator_state

_NAMESPACE = "wavehax.generators."
_COMMON = {
    "in_channels",
    "channels",
    "mult_channels",
    "kernel_size",
    "num_blocks",
    "n_fft",
    "hop_length",
    "sample_rate",
}
_REQUIRED = {
    "WavehaxGenerator": _COMMON | {"prior_type"},
    "MultiScaleWavehaxGenerator": _COMMON | {"prior_type", "decomposer", "num_splits"},
}
_DEFAULTS: dict[str, dict[str, Any]] = {  # the other arguments of the authors' constructors
    "WavehaxGenerator": {
        "drop_prob": 0.0,
        "use_layer_norm": True,
        "framewise_norm": False,
        "use_logmag_phase": False,
    },
    "MultiScaleWavehaxGenerator": {"drop_prob": 0.0, "framewise_norm": True},
}
_STREAM_FILTERS = {"MultiStream1d": "learned", "PQMF": "pqmf", "DWT1d": "dwt"}

_DERIVED = re.compile(
    r"stft\.(window|window_envelope|enframe_kernel)"
    r"|decomposer\.(updown_filter|lpf|hpf)|.*\.num_batches_tracked"
)
"""Names of state that follows from the configuration, or that inference does not need."""
_RENAMED = (
    (re.compile(r"norm\.gamma$"), "norm.weight"),
    (re.compile(r"norm\.beta$"), "norm.bias"),
    (re.compile(r"^decomposer\.conv_(analysis|synthesis)\.weight$"), r"filter_bank.\1.weight"),
    (re.compile(r"^decomposer\.(analysis|synthesis)_filter$"), r"filter_bank.\1.weight"),
)

_FEATURES_OF = {(24000, 240, 100): "wavehax-24k", (48000, 480, 100): "wavehax-48k"}
"""Mel of the authors' recipes, by sample rate in Hz, hop in samples, and number of bands."""


def import_official(
    checkpoint: str | os.PathLike[str],
    config: str | os.PathLike[str],
    stats: str | os.PathLike[str] | None = None,
    features: str | None = None,
) -> Model:
    """Read an official checkpoint. Needs torch and PyYAML.

    Args:
        checkpoint: the authors' `checkpoint-*steps.pkl`. It is read with `weights_only=True`, so
            that nothing in it is executed.
        config: YAML with `_target_` and the constructor's arguments, at the top or under
            `generator` (as the authors' training writes its `config.yaml`).
        stats: .npz with `mean` and `scale` [n_mels] of the training mels. None is for models whose
            mel is normalised before they get it.
        features: name of a preset, or a YAML file with the fields of FeatureConfig. None is the
            mel of the authors' recipes with this sample rate, hop and number of bands.

    Returns:
        the model, ready for `wavehax.checkpoint.save_model`.

    Raises:
        ModelError: a file cannot be read, or does not describe exactly one of our models.
        ModuleNotFoundError: torch or PyYAML is missing.
    """
    values = _read_yaml(Path(config))
    values = values["generator"] if isinstance(values.get("generator"), Mapping) else values
    try:
        generator, weights = convert_official(values, read_generator_state(Path(checkpoint)))
        if stats is not None:
            weights["mel_mean"], weights["mel_scale"] = _read_stats(Path(stats), generator.n_mels)
        provenance = {
            "source": f"checkpoint of the authors' implementation, {Path(checkpoint).name}",
            "mel": "normalised already" if stats is None else "log-mel, normalised by the model",
        }
        model = Model(generator, _feature_config(features, generator), weights, provenance)
        check_model(model)
    except ConfigError as error:
        raise ModelError(f"{config}: {error}") from error
    return model


def convert_official(
    config: Mapping[str, Any], weights: Mapping[str, np.ndarray]
) -> tuple[GeneratorConfig, dict[str, np.ndarray]]:
    """Convert configuration and weights of the authors' generator to ours.

    Args:
        config: `_target_` and the constructor's arguments.
        weights: the generator's state by the authors' names.

    Returns:
        the configuration, and float32 tensors as `parameter_shapes` names them. `mel_mean` is 0 and
        `mel_scale` 1.

    Raises:
        ModelError: an argument, a class or a tensor of theirs has no place in ours, or a place of
            ours gets no tensor.
    """
    generator = _generator_config(config)
    # Refuses a hostile number of blocks before it costs time.
    if generator.num_blocks > len(weights):
        raise ModelError(
            f"num_blocks={generator.num_blocks}, but the checkpoint has {len(weights)} tensors"
        )
    shapes = parameter_shapes(generator)
    converted = _weights_of_ours(generator)
    for official, value in weights.items():
        if _DERIVED.fullmatch(official):
            continue
        name = official
        for pattern, replacement in _RENAMED:
            name = pattern.sub(replacement, name)
        if name in converted or name not in shapes:
            raise ModelError(
                f"tensor {official} of the checkpoint has no place in a {config['_target_']} of"
                " this configuration"
            )
        converted[name] = _reshaped(official, np.asarray(value), shapes[name])
    missing = [name for name in shapes if name not in converted]
    if missing:
        raise ModelError(
            f"the checkpoint has nothing for {missing[0]}"
            + (f" and {len(missing) - 1} more" if missing[1:] else "")
        )
    return generator, converted


def _weights_of_ours(generator: GeneratorConfig) -> dict[str, np.ndarray]:
    """The tensors that the authors' checkpoints do not hold."""
    n_mels = generator.n_mels
    weights = {"mel_mean": np.zeros(n_mels, np.float32), "mel_scale": np.ones(n_mels, np.float32)}
    if generator.num_streams > 1 and generator.stream_filter == "dwt":
        packet = haar_packet(generator.num_streams)
        weights["filter_bank.analysis.weight"] = packet[:, None]
        weights["filter_bank.synthesis.weight"] = packet[None]
    return weights


def haar_packet(num_streams: int) -> np.ndarray:
    """The Haar wavelet packet as filters, float32 [num_streams, num_streams], rows orthonormal.

    Every band is split into (low, high) = (a + b, a - b) / sqrt(2), which take its place. Four
    bands are thus in the order LL, LH, HL, HH.
    """
    spectrum = np.eye(num_streams)  # a unit impulse in each row, which goes through the splits
    bands = [spectrum]
    while len(bands) < num_streams:
        bands = [(b[:, ::2] + sign * b[:, 1::2]) / math.sqrt(2) for b in bands for sign in (1, -1)]
    return np.concatenate(bands, axis=1).T.astype(np.float32)


def _generator_config(config: Mapping[str, Any]) -> GeneratorConfig:
    target = config.get("_target_")
    name = target.removeprefix(_NAMESPACE) if isinstance(target, str) else None
    if name == "ComplexWavehaxGenerator":
        raise ModelError(
            "ComplexWavehaxGenerator: the authors' complex-valued experiment is not supported"
        )
    if name not in _REQUIRED or target == name:
        raise ModelError(
            f"_target_={target!r}: expected"
            f" {' or '.join(_NAMESPACE + known for known in _REQUIRED)}"
        )
    values = {key: value for key, value in config.items() if key != "_target_"}
    for key in values:
        if key not in _REQUIRED[name] and key not in _DEFAULTS[name]:
            raise ModelError(f"{key}={values[key]!r}: {name} has no such argument")
    for key in sorted(_REQUIRED[name] - values.keys()):
        raise ModelError(f"argument {key} of {name} is missing")
    values = {**_DEFAULTS[name], **values}
    _check_flags(values)
    layer_norm = "frame" if values["framewise_norm"] else "utterance"
    fields = {key: values[key] for key in _COMMON - {"in_channels"}}
    fields.update(n_mels=values["in_channels"], prior=values["prior_type"], outer_norm=layer_norm)
    fields["kernel_size"] = _pair(values["kernel_size"])
    fields["norm"] = layer_norm if values.get("use_layer_norm", True) else "batch"
    if name == "WavehaxGenerator":
        fields["use_logmag_phase"] = values["use_logmag_phase"]
    else:
        fields.update(num_streams=values["num_splits"], stream_filter=_stream_filter(values))
    try:
        return from_dict(GeneratorConfig, fields)
    except (TypeError, OverflowError) as error:
        raise ConfigError(one_line(error)) from error


def _check_flags(values: Mapping[str, Any]) -> None:
    for key in ("use_layer_norm", "framewise_norm", "use_logmag_phase"):
        if key in values and not isinstance(values[key], bool):
            raise ModelError(f"{key}={values[key]!r}: expected true or false")


def _stream_filter(values: Mapping[str, Any]) -> str:
    if values["decomposer"] not in _STREAM_FILTERS:
        raise ModelError(
            f"decomposer={values['decomposer']!r}: expected one of {', '.join(_STREAM_FILTERS)}"
        )
    if type(values["num_splits"]) is not int or values["num_splits"] < 2:
        raise ModelError(f"num_splits={values['num_splits']!r}: expected 2 or more")
    return _STREAM_FILTERS[values["decomposer"]]


def _pair(kernel_size: Any) -> Any:
    return [kernel_size, kernel_size] if isinstance(kernel_size, int) else kernel_size


def _reshaped(name: str, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`value` as float32 of `shape`; the two may differ by axes of length 1, as [o, i, 1, 1]."""
    squeezed, expected = ([n for n in axes if n != 1] for axes in (value.shape, shape))
    if value.dtype.kind != "f" or squeezed != expected:
        raise ModelError(
            f"tensor {name} of the checkpoint is {value.dtype} {list(value.shape)}: expected float"
            f" {list(shape)}"
        )
    return np.array(value, np.float32).reshape(shape)


def _feature_config(features: str | None, generator: GeneratorConfig) -> FeatureConfig:
    key = (generator.sample_rate, generator.hop_length, generator.n_mels)
    name = _FEATURES_OF.get(key) if features is None else features
    if name is None:
        raise ModelError(
            f"no preset has {key[2]} bands at hop {key[1]}, {key[0]} Hz: name the mel with"
            f" --features, one of {', '.join(FEATURES)} or a YAML file with the fields of"
            " FeatureConfig"
        )
    try:
        return definition_of(name)
    except ValueError as error:
        raise ModelError(str(error)) from error


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        return read_yaml(path)
    except ValueError as error:
        raise ModelError(str(error)) from error


def _read_stats(path: Path, n_mels: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        return read_stats(path, n_mels)
    except ValueError as error:
        raise ModelError(str(error)) from error
