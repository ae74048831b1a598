"""Processes and devices, by Lightning Fabric.

Fabric, because it leaves the loop to the caller and is one small package over torch.distributed: it
starts the processes (or finds those that torchrun or a cluster has started), places modules and
sums gradients, and no more here.
"""

from __future__ import annotations

import os
from typing import Any

import torch

from wavehax.errors import optional_module
from wavehax.train.config import TrainConfig


def start(config: TrainConfig):
    """A launched `Fabric`: in every process of the run, this returns in each.

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
        # TF32, as cuDNN has it by default: ten bits of mantissa
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


def on_one_gpu(fabric: Any) -> bool:
    """Whether the run is one process with a GPU, whose steps can be captured."""
    return fabric.device.type == "cuda" and fabric.world_size == 1


def _fabric_class() -> type:
    try:
        from lightning.fabric import Fabric  # where the whole of Lightning is installed
    except ModuleNotFoundError:
        return optional_module("lightning_fabric", "training", "wavehax[train]").Fabric
    return Fabric
