"""Processes and devices, by Lightning Fabric.

Fabric starts the processes (or finds those that torchrun or a cluster has started), places modules
and sums gradients. It was chosen because it leaves the loop to the caller and is one small package
over torch.distributed.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

import torch

from wavehax.errors import optional_module
from wavehax.train.config import TrainConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def start(config: TrainConfig) -> Fabric:
    """Launch a `Fabric`; the call returns in every process of the run.

    Raises:
        ModuleNotFoundError: Fabric is not installed.
        ValueError: `accelerator="cuda"` without a GPU, or a launcher that started another number of
            processes.
    """
    if config.accelerator == "cuda" and not torch.cuda.is_available():
        raise ValueError("accelerator='cuda': PyTorch finds no GPU here")
    accelerator = config.accelerator
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    processes = config.devices * config.num_nodes
    fabric = _fabric_class()(
        accelerator=accelerator,
        devices=config.devices,
        num_nodes=config.num_nodes,
        strategy="ddp" if processes > 1 else "auto",
    )
    torch.set_num_threads(config.threads)
    if accelerator == "cuda":
        # Allows TF32 (ten bits of mantissa), as cuDNN does by default.
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True  # batches are all of one shape
    fabric.launch()
    started = int(os.environ.get("WORLD_SIZE", processes))
    if started != processes:
        raise ValueError(
            f"devices={config.devices}, num_nodes={config.num_nodes}: but {started} processes were"
            " started"
        )
    return fabric


def on_one_gpu(fabric: Fabric) -> bool:
    """Whether the run is one process with a GPU, whose steps can be captured."""
    return fabric.device.type == "cuda" and fabric.world_size == 1


def _fabric_class() -> type[Fabric]:
    try:
        module = importlib.import_module("lightning.fabric")  # a part of Lightning, if that is here
    except ModuleNotFoundError:
        module = optional_module("lightning_fabric", "training", "wavehax[train]")
    return module.Fabric
