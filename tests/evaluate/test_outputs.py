"""Files of an evaluation."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from wavehax.errors import UsageError
from wavehax.evaluate.outputs import check_outputs, json_text, output_paths


def test_a_page_has_its_numbers_beside_it() -> None:
    assert output_paths(None) == []
    assert output_paths(Path("x/r.json")) == [Path("x/r.json")]
    assert output_paths(Path("x/r.html")) == [Path("x/r.json"), Path("x/r.html")]
    with pytest.raises(UsageError, match=r"r\.txt"):
        output_paths(Path("r.txt"))


def test_outputs_that_exist_or_have_no_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "r.json").touch()
    check_outputs([tmp_path / "r.json"], overwrite=True)
    with pytest.raises(FileExistsError):
        check_outputs([tmp_path / "r.json"], overwrite=False)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        check_outputs([tmp_path / "none" / "r.json"], overwrite=True)


def test_json_has_null_for_what_is_not_finite() -> None:
    assert json.loads(json_text({"a": [1.5, math.nan, {"b": -math.inf}]})) == {
        "a": [1.5, None, {"b": None}]
    }
