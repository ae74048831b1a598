"""Fixtures of the authors' implementation: the tiny ones beside the tests, the full-size ones from ../shared where present."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from wavehax.config import GeneratorConfig
from wavehax.official import convert_official

_FOLDERS = (Path(__file__).parents[1] / "data", Path(__file__).parents[3] / "shared" / "fixtures")
_PATHS = {path.stem: path for folder in reversed(_FOLDERS) for path in sorted(folder.glob("*wavehax*.npz"))}
FIXTURES = sorted(_PATHS)


def load_fixture(name: str) -> tuple[GeneratorConfig, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The config, the weights under our names, and the other arrays of a fixture."""
    with np.load(_PATHS[name]) as arrays:
        data = {key: arrays[key] for key in arrays.files}
    weights = {key.removeprefix("weights/"): value for key, value in data.items() if key.startswith("weights/")}
    config = json.loads(str(data["config"]))
    config["_target_"] = "wavehax.generators." + config.pop("generator")
    return *convert_official(config, weights), data
