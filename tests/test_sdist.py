"""What a source distribution holds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_a_source_distribution_holds_all_that_the_engine_and_the_c_library_are_built_of(tmp_path):
    pytest.importorskip("pybind11", reason="the extra [dev] brings it")
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    listed = (tmp_path / "wavehax.egg-info" / "SOURCES.txt").read_text().splitlines()
    needed = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "csrc").rglob("*") if path.is_file()
    }
    assert len(needed) > 50 and needed <= set(listed), needed - set(listed)


def test_every_package_of_the_folder_is_listed() -> None:
    folders = [path.parent.relative_to(ROOT) for path in (ROOT / "wavehax").rglob("__init__.py")]
    listed = re.search(r"^packages = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.M)
    assert sorted(json.loads(listed[1])) == sorted(".".join(folder.parts) for folder in folders)
