"""Loads a model by name, and says what this machine can run."""

from __future__ import annotations

import os

from wavehax import _engine
from wavehax.checkpoint import load_model
from wavehax.models.locate import model_path
from wavehax.vocoder import Vocoder


def load(
    path_or_name: str | os.PathLike[str] | None = None,
    *,
    isa: str = "auto",
    precision: str = "fp32",
) -> Vocoder:
    """Load a model.

    Args:
        path_or_name: a file; a folder with a model.safetensors; the name of a shipped model; or
            "owner/name", a repository of the Hugging Face hub with that file, perhaps at a
            revision: "owner/name@revision". A path that exists on this machine is never looked for
            on the hub. None is the shipped default, `vocos-24k`.
        isa: instruction set, "auto" or one of `available_isas()`. The environment variable
            WAVEHAX_ISA takes the place of "auto".
        precision: "fp32" rounds nothing. "bf16" rounds the weights of the projections, which are
            most of a model, and makes streams of few frames faster. "mixed" rounds weights and
            inputs of all large products, and needs a processor that multiplies bfloat16: matrix
            tiles (AMX), or pairs (AVX-512 with BF16). "auto" is the fastest of
            `available_precisions(isa)`.

    Returns:
        the model, ready for use.

    Raises:
        ModelError: there is no such model, or it is not exactly what its configuration describes.
        ModuleNotFoundError: the model would come from the hub, and huggingface_hub (extra `hub`) is
            not installed.
        ValueError: `isa` or `precision` is unknown, or this machine does not have it.
    """
    return Vocoder(load_model(model_path(path_or_name)), isa=isa, precision=precision)


def available_isas() -> list[str]:
    """Instruction sets that this machine can run, fastest first."""
    return _engine.available_isas()


def available_precisions(isa: str = "auto") -> list[str]:
    """Precisions that this machine can run with an instruction set, slowest first.

    "mixed" comes last where it is the fastest. On a processor with pairs of bfloat16 and no matrix
    tiles, the first call measures whether it is, in less than a millisecond. If not, it comes
    first.

    Args:
        isa: "auto" or one of `available_isas()`.

    Raises:
        ValueError: `isa` is unknown, or this machine does not have it.
    """
    return _engine.available_precisions(isa)
