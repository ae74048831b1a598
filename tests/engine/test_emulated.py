"""Mixed precision on pairs of bfloat16, which few processors have: the tests of precisions run in
an engine that emulates the products of pairs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from builds import REPOSITORY, emulating_engine

# Puts the engine named by the first argument in the place of the package's own.
WITH_ENGINE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("wavehax._engine", sys.argv.pop(1))
sys.modules["wavehax._engine"] = engine = importlib.util.module_from_spec(spec)
spec.loader.exec_module(engine)
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emulating_engine(tmp_path_factory.mktemp("emulating"))


def run(engine: Path, code: str, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", WITH_ENGINE + code, engine, *arguments],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    return result.stdout


@pytest.mark.slow
def test_mixed_precision_on_pairs_passes_the_tests_of_precisions(engine: Path) -> None:
    code = "import pytest; sys.exit(pytest.main(['-q', '-rs', *sys.argv[1:]]))"
    output = run(engine, code, "tests/engine/test_precision.py")
    assert " passed" in output
    assert "no mixed precision" not in output and "has no mixed" not in output


@pytest.mark.slow
def test_pairs_that_gain_nothing_are_not_chosen_but_may_be_asked_for(
    engine: Path,
) -> None:
    output = run(
        engine,
        "import wavehax\n"
        "print(*wavehax.available_precisions('portable'))\n"
        "for name in ('auto', 'mixed'):\n"
        "    print(wavehax.load(isa='portable', precision=name).precision)",
    )
    assert output.splitlines() == ["mixed fp32 bf16", "bf16", "mixed"]
