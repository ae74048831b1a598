"""Tests of the engine that take `isa` run on every instruction set of this machine; the C++ library
is built once."""

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
    """Mark what builds the C++ library as slow: it takes a minute, or minutes with sanitizers."""
    for item in items:
        if not {"library", "sanitized"}.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of libwavehax.a, the example `vocode` and libwavehax.so, which it links with."""
    return cmake_build(tmp_path_factory.mktemp("library"), targets=["static", "vocode"])


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of libsanitized.a and the fuzz targets."""
    folder = tmp_path_factory.mktemp("sanitized")
    targets = ["sanitized", "fuzz_config", "fuzz_model_file", "fuzz_streams"]
    return cmake_build(folder, "-DWAVEHAX_FUZZ=ON", targets=targets) / "fuzz"
