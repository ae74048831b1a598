"""Model files: one `.safetensors`, configuration inside, written whole or not at all, loaded
exactly or refused.

Layout (safetensors): 8 bytes of little-endian header length; a JSON header {name: {dtype, shape,
data_offsets}} with `__metadata__`, a mapping of strings; the tensors' bytes. Ours holds the
configuration as JSON text in `__metadata__["wavehax"]` = {"generator": {...}, "features": {...},
"provenance": {...}}, and float32 tensors only. A model that predicts F0 from the mel also has "f0":
{...} there, and the predictor's tensors under names `f0.*`.

A model file is data from anywhere: whatever is in it, the worst it can do is raise ModelError.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wavehax.config import (
    F0Config,
    FeatureConfig,
    GeneratorConfig,
    f0_parameter_shapes,
    from_dict,
    parameter_shapes,
    to_dict,
)
from wavehax.errors import ModelError, one_line
from wavehax.files.outputs import replacing
from wavehax.files.safetensors import parse_json, spans

# bytes, ten times the default model's: parsed JSON takes up to 40 times its text
_MAX_HEADER = 1 << 17
_METADATA_KEY = "wavehax"
_F0_PREFIX = "f0."
_LARGEST = {
    "sample_rate": 768_000,
    "n_fft": 65_536,
    "n_mels": 1024,
}  # of the features: more would only cost memory


@dataclass
class F0Model:
    """A predictor of F0 from the mel."""

    config: F0Config
    weights: dict[
        str, np.ndarray
    ]  # float32, names and shapes of f0_parameter_shapes(config, n_mels)


@dataclass
class Model:
    """Everything that a model file holds."""

    generator: GeneratorConfig
    features: FeatureConfig
    weights: dict[str, np.ndarray]  # float32, names and shapes of parameter_shapes(generator)
    # any JSON: data, licence, training, scores
    provenance: dict[str, Any] = field(default_factory=dict)
    f0: F0Model | None = None


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read and check a model file. Refusing one takes less memory than twice its size and 6 MB.

    Raises:
        ModelError: no such file, or not exactly what its configuration describes: tensors missing,
            left over, of another shape or type, overlapping, values not finite, ...
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    try:
        with open(path, "rb") as file:
            model = _read_model(file)
        check_model(model)
    except (OSError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise ModelError(f"{path}: {one_line(error)}") from error
    return model


def _read_model(file: BinaryIO) -> Model:
    """A model, of whose tensors only the place and size are checked; they are read when all else
    is."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(size - 8, _MAX_HEADER):
        raise ModelError(
            f"header of {length} bytes in a file of {size}: truncated, or no model file"
        )
    header = parse_json(file.read(length).decode())
    config = parse_json(_metadata(header))
    generator = from_dict(GeneratorConfig, _entry(config, "generator", dict))
    features = from_dict(FeatureConfig, _entry(config, "features", dict))
    provenance = _entry(config, "provenance", dict)
    if set(config) - {"f0"} != {"generator", "features", "provenance"}:
        raise ModelError(
            f"configuration has {', '.join(sorted(config))}: expected generator, features,"
            " provenance"
        )
    places = spans(header, size - 8 - length)
    data = np.fromfile(file, np.uint8)
    if len(data) != size - 8 - length:
        raise ModelError(f"{len(data)} bytes of tensors where {size - 8 - length} were expected")
    tensors = {
        name: data[begin:end]
        .view("<f4")
        .astype(np.float32, copy=False)
        .reshape(header[name]["shape"])
        for begin, end, name in places
    }
    return Model(generator, features, tensors, provenance, _take_f0(config, tensors))


def save_model(path: str | os.PathLike[str], model: Model, *, overwrite: bool = True) -> None:
    """Write a model file under a temporary name, then rename it; the same model gives the same
    bytes.

    Raises:
        ModelError: the model does not fit its configuration, or its provenance is not JSON.
        OSError: `path` cannot be written, or exists and `overwrite` is not set.
    """
    try:
        check_model(model)
        metadata = {
            _METADATA_KEY: json.dumps(configuration(model), allow_nan=False, ensure_ascii=False)
        }
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path}: {one_line(error)}") from error
    tensors = _tensors(model)
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name in sorted(tensors):
        begin, end = end, end + tensors[name].nbytes
        header[name] = {
            "dtype": "F32",
            "shape": list(tensors[name].shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _MAX_HEADER:
        raise ModelError(
            f"{path}: configuration and names take {len(text)} bytes: expected at most"
            f" {_MAX_HEADER}"
        )
    with replacing(path, overwrite=overwrite) as temporary, open(temporary, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(tensors):
            file.write(np.ascontiguousarray(tensors[name], "<f4").data)


def configuration(model: Model) -> dict[str, Any]:
    """All that a file says of its model, as JSON."""
    config: dict[str, Any] = {
        "generator": to_dict(model.generator),
        "features": to_dict(model.features),
        "provenance": model.provenance,
    }
    return config if model.f0 is None else config | {"f0": to_dict(model.f0.config)}


def _tensors(model: Model) -> dict[str, np.ndarray]:
    """By the names that a file gives them."""
    f0 = {} if model.f0 is None else model.f0.weights
    return dict(model.weights) | {_F0_PREFIX + name: value for name, value in f0.items()}


def check_model(model: Model) -> None:
    """Raise ModelError unless features, names, shapes, types and values all fit the
    configuration."""
    generator, features, weights = model.generator, model.features, model.weights
    for name in ("sample_rate", "hop_length", "n_mels"):
        if getattr(generator, name) != getattr(features, name):
            raise ModelError(
                f"{name} is {getattr(generator, name)} in generator and {getattr(features, name)}"
                " in features"
            )
    for name, largest in _LARGEST.items():
        if getattr(features, name) > largest:
            raise ModelError(
                f"features.{name}={getattr(features, name)}: expected at most {largest}"
            )
    if generator.num_blocks > len(weights):  # before a hostile number of blocks costs any time
        raise ModelError(
            f"num_blocks={generator.num_blocks}, but the file has {len(weights)} tensors"
        )
    _check_tensors(weights, parameter_shapes(generator))
    if model.f0 is not None:
        shapes = f0_parameter_shapes(model.f0.config, features.n_mels)
        _check_tensors(model.f0.weights, shapes, _F0_PREFIX)


def _check_tensors(
    weights: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], prefix: str = ""
) -> None:
    """Raise ModelError unless the tensors are those of `shapes`; `prefix` begins their names in
    messages."""
    missing, extra = sorted(shapes.keys() - weights.keys()), sorted(weights.keys() - shapes.keys())
    if missing or extra:
        problems = [
            f"{kind} tensor {_names([prefix + name for name in names])}"
            for kind, names in (("missing", missing), ("unexpected", extra))
            if names
        ]
        raise ModelError("; ".join(problems))
    for name, shape in shapes.items():
        _check_tensor(prefix + name, weights[name], shape)


def _check_tensor(name: str, value: np.ndarray, shape: tuple[int, ...]) -> None:
    if value.dtype != np.float32:
        raise ModelError(f"tensor {name} is {value.dtype}: expected float32")
    if value.shape != shape:
        raise ModelError(f"tensor {name} has shape {list(value.shape)}: expected {list(shape)}")
    finite = np.isfinite(value)
    if not finite.all():
        index = [int(i) for i in np.unravel_index(np.argmin(finite), shape)]
        raise ModelError(f"tensor {name} is not finite at {index}")
    if name.endswith("mel_scale") and not (value > 0).all():
        raise ModelError(
            f"tensor {name} is {value.min()} in band {int(value.argmin())}: expected more than 0"
        )
    if name.endswith(".running_var") and not (value >= 0).all():
        raise ModelError(
            f"tensor {name} is {value.min()} in channel {int(value.argmin())}: expected at least 0"
        )


def _metadata(header: dict[str, Any]) -> str:
    metadata = header.pop("__metadata__", None) if isinstance(header, dict) else None
    text = metadata.get(_METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ModelError(f"no text __metadata__.{_METADATA_KEY}: not a model of this package")
    return text


def _take_f0(config: Mapping[str, Any], tensors: dict[str, np.ndarray]) -> F0Model | None:
    """The predictor of F0, where there is one; its tensors are taken out of `tensors`."""
    if "f0" not in config:
        return None
    names = [name for name in tensors if name.startswith(_F0_PREFIX)]
    weights = {name.removeprefix(_F0_PREFIX): tensors.pop(name) for name in names}
    return F0Model(from_dict(F0Config, _entry(config, "f0", dict)), weights)


def _entry(config: Any, name: str, kind: type) -> Any:
    value = config.get(name) if isinstance(config, Mapping) else None
    if not isinstance(value, kind):
        raise ModelError(f"configuration has no {name}, or not as a {kind.__name__}")
    return value


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
