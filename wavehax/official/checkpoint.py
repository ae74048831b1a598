"""Reads the generator's tensors from a checkpoint of the authors' training, as PyTorch wrote it.

Nothing in a checkpoint is executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.errors import ModelError, one_line, optional_module

_CONFIG_CLASSES = (
    "omegaconf.listconfig.ListConfig",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.nodes.AnyNode",
    "typing.Any",
    "collections.defaultdict",
    "builtins.dict",
    "builtins.list",
    "builtins.int",
)
"""Classes in the pickle of an OmegaConf list.

The optimiser's `betas`, which lie beside the weights, are one.
"""


def read_generator_state(path: Path) -> dict[str, np.ndarray]:
    """The generator's tensors in a checkpoint, by the authors' names.

    Raises:
        ModelError: no such file, or no checkpoint whose tensors can be read safely.
        ModuleNotFoundError: torch is missing.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    state = _load_checkpoint(path)
    for key in ("model", "generator"):
        state = state.get(key) if isinstance(state, Mapping) else None
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and hasattr(state[key], "numpy") for key in state
    ):
        raise ModelError(f"{path}: no tensors under ['model']['generator']")
    return {name: _as_array(path, name, value) for name, value in state.items()}


def _as_array(path: Path, name: str, tensor: Any) -> np.ndarray:
    """Convert a tensor to an array; it must be dense and on the CPU.

    Every floating type becomes float32, as numpy has no bfloat16.
    """
    try:
        tensor = tensor.detach()
        return (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    except (TypeError, RuntimeError) as error:
        # It is sparse, quantised, without values (on the device "meta"), ...
        raise ModelError(
            f"{path}: tensor {name} is {tensor.dtype}, {tensor.layout} on {tensor.device}:"
            f" expected a dense one of numbers ({one_line(error)})"
        ) from error


class _Unread(dict):
    """Takes the place of an object in a checkpoint that is not needed.

    It accepts any arguments and state, and keeps none.
    """

    def __new__(cls, *arguments: Any) -> _Unread:
        return super().__new__(cls)

    def __init__(self, *arguments: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        pass


def _load_checkpoint(path: Path) -> Any:
    torch = optional_module("torch", "reading a checkpoint of PyTorch", "wavehax[train]")
    try:
        with torch.serialization.safe_globals([(_Unread, name) for name in _CONFIG_CLASSES]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises nearly anything for a file that is not its own
        reason = (
            str(error)
            .split(". ")[0]
            .replace("Weights only load failed", "it holds more than plain data")
        )
        raise ModelError(
            f"{path}: not a checkpoint that can be read safely ({one_line(ValueError(reason))})"
        ) from error
