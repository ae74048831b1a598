"""Fixtures of the engine's tests: `isa` runs a test on every instruction set of this machine, and
the C++ library is built once a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from builds import cmake_build

from wavehax import _engine


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "isa" in metafunc.fixturenames:
        metafunc.parametrize("isa", _engine.available_isas())


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that build the C++ library as slow: that takes minutes."""
    for item in items:
        if not {"library", "sanitized"}.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of libwavehax.a, libwavehax.so and the examples, which link with it."""
    targets = ["static", "vocode", "resynth"]
    return cmake_build(tmp_path_factory.mktemp("library"), targets=targets)


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of libsanitized.a and the fuzz targets."""
    folder = tmp_path_factory.mktemp("sanitized")
    targets = ["sanitized", "fuzz_config", "fuzz_model_file", "fuzz_streams"]
    return cmake_build(folder, "-DWAVEHAX_FUZZ=ON", targets=targets) / "fuzz"
