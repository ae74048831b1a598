"""Constants that Python and C++ both state: one name, one value."""

from __future__ import annotations

import bisect
import re
from pathlib import Path
from typing import Any

import pytest

import wavehax.checks
import wavehax.config
from wavehax import _engine
from wavehax.mel import harmonics

CSRC = Path(__file__).parents[2] / "csrc"
SOURCES = [path for suffix in ("h", "cpp") for path in sorted(CSRC.rglob(f"*.{suffix}"))]
CONSTANT = re.compile(r"^constexpr (?:float|double|int) (k\w+)(?:\[\])?\s*=\s*(.+?);", re.MULTILINE)

CONFIG = (
    "MIN_POWER",
    "MAX_MAGNITUDE",
    "PRIOR_RMS",
    "NOISE_STD",
    "MAX_PROJECTION_TAPS",
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


SHAPES = [
    {},
    {"channels": 1, "num_blocks": 1},
    {"kernel_size": (481, 3), "n_fft": 960},
    {"channels": 33, "kernel_size": (13, 7), "num_blocks": 6, "n_fft": 4096},
    {"channels": 64, "n_fft": 120, "num_streams": 4, "norm": "frame"},
    {"kernel_size": (1, 301), "norm": "batch", "outer_norm": "batch"},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_both_languages_accept_the_same_sizes_of_a_voice(shape: dict[str, Any]) -> None:
    """A band adds one value to each frame of a voice, so the most bands that fit are where two
    formulas part first."""

    def accepted(n_mels: int) -> bool:
        try:
            wavehax.config.GeneratorConfig(n_mels=n_mels, **shape)
        except wavehax.config.ConfigError as error:
            assert "a voice would keep" in str(error)
            return False
        return True

    bands = bisect.bisect_left(range(1, 1 << 27), True, key=lambda n: not accepted(n))
    assert accepted(bands) and not accepted(bands + 1)
    most = wavehax.config.to_dict(wavehax.config.GeneratorConfig(n_mels=bands, **shape))
    with pytest.raises(ValueError, match="missing"):  # the sizes are accepted; there are no weights
        _engine.Engine(most, {})
    with pytest.raises(ValueError, match="a voice would keep"):
        _engine.Engine({**most, "n_mels": bands + 1}, {})
