"""What a prepared folder holds: its manifest and its arrays, checked as they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.config import FeatureConfig, from_dict
from wavehax.errors import one_line


def prepared_manifest(folder: Path, features: FeatureConfig) -> dict[str, Any]:
    """Read the manifest of a prepared folder.

    Returns:
        `features`, `mel_mean`, `mel_scale` and `utterances`, as wavehax.data.prepare describes
        them.

    Raises:
        FileNotFoundError: the folder was not prepared (or not to the end).
        ValueError: the manifest is damaged, or the folder holds other features.
    """
    manifest, found = _manifest(folder)
    if found != features:
        raise ValueError(f"{folder}: features {found.name}, expected {features.name}")
    return manifest


def prepared_definition(folder: Path) -> FeatureConfig:
    """The definition of the mel of a prepared folder; errors as `prepared_manifest`."""
    return _manifest(folder)[1]


def _manifest(folder: Path) -> tuple[dict[str, Any], FeatureConfig]:
    path = folder / "manifest.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; run the recipe's prepare.py")
    try:
        manifest = json.loads(path.read_text())
        return manifest, from_dict(FeatureConfig, manifest["features"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: damaged ({one_line(error)}); prepare the folder again"
        ) from error


def has_given_mels(utterances: list[dict[str, Any]]) -> bool:
    """Whether the mels of a manifest were given beside the recordings (wavehax.data.pairs).

    They cannot be computed of changed recordings.
    """
    return any("mel" in utterance for utterance in utterances)


def load_array(path: Path, length: int) -> np.ndarray:
    """Memory-map the array in `path`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or has another length than `length`, which the manifest gives.
    """
    if not path.is_file():
        hint = ""
        if path.stem == "mel_shifted":
            hint = " (data.shifted_share asks for it: prepare with --shifted)"
        raise FileNotFoundError(f"{path}: missing{hint}")
    try:
        array = np.load(path, mmap_mode="r")
    except ValueError as error:
        raise ValueError(
            f"{path}: damaged ({one_line(error)}); prepare the folder again"
        ) from error
    if len(array) != length:
        raise ValueError(
            f"{path}: {len(array)} values, expected {length} as manifest.json says; prepare the"
            " folder again"
        )
    return array
