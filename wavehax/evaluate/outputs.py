"""Files that an evaluation writes: a page and its numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.errors import UsageError
from wavehax.files.outputs import refuse_existing


def output_paths(output: Path | None) -> list[Path]:
    """The .json, and the .html where that was asked for; none for None.

    Raises:
        UsageError: another suffix.
    """
    if output is None:
        return []
    if output.suffix not in (".html", ".json"):
        raise UsageError(f"-o {output}: expected a name that ends in .html or .json")
    return [output.with_suffix(".json")] + ([output] if output.suffix == ".html" else [])


def check_outputs(paths: Sequence[Path], overwrite: bool) -> None:
    """Raise OSError for what could not be written, before the work is done."""
    for path in paths:
        if not path.parent.is_dir():
            raise FileNotFoundError(f"{path.parent}: no such folder")
        refuse_existing(path, overwrite)


def json_text(value: Any) -> str:
    """JSON with null for numbers that are not finite."""
    return json.dumps(_finite(value), indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
