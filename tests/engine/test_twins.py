"""Constants that Python and C++ both state: one name, one value."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import wavehax.checks
import wavehax.config
from wavehax.mel import harmonics

CSRC = Path(__file__).parents[2] / "csrc"
SOURCES = [path for suffix in ("h", "cpp") for path in sorted(CSRC.rglob(f"*.{suffix}"))]
CONSTANT = re.compile(r"^constexpr (?:float|double|int) (k\w+)(?:\[\])?\s*=\s*(.+?);", re.MULTILINE)

CONFIG = (
    "MIN_POWER",
    "MAX_MAGNITUDE",
    "PRIOR_RMS",
    "NOISE_STD",
    "PROJECTION_TAPS",
    "FILTER_TAPS",
    "MAX_EXPANDED",
)
CONFIG += ("MAX_VOICE", "NORM_EPSILON", "FLOOR_TOLERANCE", "F0_PEAK_BINS")
PYTHON: dict[str, Any] = {name: getattr(wavehax.config, name) for name in CONFIG}
PYTHON["MIN_F0"] = wavehax.checks.MIN_F0
PYTHON["MIN_FORMANT_SCALE"], PYTHON["MAX_FORMANT_SCALE"] = wavehax.checks.FORMANT_SCALES
PYTHON["LOWEST_PITCH"], PYTHON["HIGHEST_PITCH"] = harmonics.LOWEST, harmonics.HIGHEST


def constants() -> dict[str, list[str]]:
    """Return every constant of csrc/ with the text of each of its definitions."""
    found: dict[str, list[str]] = {}
    for path in SOURCES:
        for name, text in CONSTANT.findall(path.read_text()):
            found.setdefault(name, []).append(text)
    return found


def number(text: str) -> float:
    """Return the value of one literal, or of one shifted by another."""
    if "<<" in text:
        value, bits = text.split("<<")
        return int(value) << int(bits)
    return float(text.strip().rstrip("f"))


def value_in_c(text: str) -> float | list[float]:
    return (
        [number(item) for item in text.strip("{}").split(",")]
        if text.startswith("{")
        else number(text)
    )


@pytest.mark.parametrize("name", PYTHON)
def test_a_constant_has_one_name_and_one_value_in_both_languages(name: str) -> None:
    expected = PYTHON[name]
    twin = "k" + "".join(word.capitalize() for word in name.split("_"))
    definitions = constants().get(twin, [])
    assert len(definitions) == 1, f"{twin} is defined {len(definitions)} times"
    if isinstance(expected, dict):
        assert tuple(expected) == wavehax.config.PRIORS  # the order of PriorKind
        expected = list(expected.values())
    assert value_in_c(definitions[0]) == expected


def test_priors_are_numbered_in_the_order_of_python() -> None:
    header = (CSRC / "signal/prior.h").read_text()
    kinds = re.search(r"enum class PriorKind \{(.+?)\}", header)[1].split(",")
    names = [
        "k" + "".join(word.capitalize() for word in name.split("_"))
        for name in wavehax.config.PRIORS
    ]
    assert [kind.strip() for kind in kinds] == names
