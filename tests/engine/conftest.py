"""Every test of the engine that takes `isa` runs on every instruction set of this machine."""

from __future__ import annotations

import pytest

from wavehax import _engine


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "isa" in metafunc.fixturenames:
        metafunc.parametrize("isa", _engine.available_isas())
