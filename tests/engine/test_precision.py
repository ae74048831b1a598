"""Precisions: bf16 rounds the weights of the projections and nothing else, mixed rounds the factors
of all large products."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_models import generator_configs, make_engine, random_features, random_weights

import wavehax
from wavehax.config import GeneratorConfig

MIXED = [isa for isa in wavehax.available_isas() if "mixed" in wavehax.available_precisions(isa)]
CPUINFO = Path("/proc/cpuinfo")
TILES = MIXED and CPUINFO.exists() and "amx_bf16" in CPUINFO.read_text()
SYS_ARCH_PRCTL, ARCH_GET_XCOMP_PERM, XFEATURE_XTILEDATA = 158, 0x1022, 18  # Linux, x86-64
relaxed = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def nearest_bf16(values: np.ndarray) -> np.ndarray:
    """Round to 8 significant bits, ties to even, by arithmetic on the values."""
    mantissa, exponent = np.frexp(values.astype(np.float64))
    return np.ldexp(np.rint(mantissa * 256) / 256, exponent).astype(np.float32)


@relaxed
@given(config=generator_configs(), frames=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_bf16_equals_fp32_with_rounded_weights_bit_for_bit(
    isa: str, config: GeneratorConfig, frames: int, seed: int
) -> None:
    weights = random_weights(config, seed)
    mel, f0 = random_features(config, frames, seed)
    rounded = {
        name: nearest_bf16(value) if name in ("prior_proj.weight", "cond_proj.weight") else value
        for name, value in weights.items()
    }
    expected = make_engine(config, rounded, isa).vocode(mel, f0, seed)
    assert np.array_equal(make_engine(config, weights, isa, "bf16").vocode(mel, f0, seed), expected)


@pytest.mark.parametrize("precision", ["bf16", "mixed"])
@relaxed
@given(
    config=generator_configs(streamable=True),
    frames=st.integers(1, 80),
    chunk=st.integers(1, 12),
    seed=st.integers(0, 2**32),
)
def test_streams_of_rounded_factors_equal_the_whole_bit_for_bit(
    isa: str, precision: str, config: GeneratorConfig, frames: int, chunk: int, seed: int
) -> None:
    if precision not in wavehax.available_precisions(isa):
        pytest.skip(f"{isa} has no {precision}")
    mel, f0 = random_features(config, frames, seed)
    engine = make_engine(config, random_weights(config, seed), isa, precision)
    stream = engine.stream(seed)
    parts = [
        stream.push(mel[:, at : at + chunk], f0[at : at + chunk]) for at in range(0, frames, chunk)
    ]
    assert np.array_equal(np.concatenate([*parts, stream.flush()]), engine.vocode(mel, f0, seed))


@pytest.mark.skipif(not MIXED, reason="no mixed precision here")
@relaxed
@given(config=generator_configs(), frames=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_any_model_in_mixed_precision_stays_near_fp32(
    config: GeneratorConfig, frames: int, seed: int
) -> None:
    # Without log-magnitude and phase: a phase jumps by a turn at the least change.
    config = dataclasses.replace(config, use_logmag_phase=False)
    weights = random_weights(config, seed)
    mel, f0 = random_features(config, frames, seed)
    expected, mixed = (
        make_engine(config, weights, MIXED[0], p).vocode(mel, f0, seed) for p in ("fp32", "mixed")
    )
    assert np.mean((mixed - expected) ** 2) <= 1e-3 * np.mean(expected**2)


@pytest.mark.parametrize(("precision", "decibels"), [("fp32", -90), ("bf16", -45), ("mixed", -30)])
def test_the_shipped_model_stays_this_close_to_portable_fp32(
    isa: str, precision: str, decibels: float
) -> None:
    if precision not in wavehax.available_precisions(isa):
        pytest.skip(f"{isa} has no {precision}")
    reference = wavehax.load(isa="portable")
    # As in speech: a level of the mel with ripples; random mels would be louder than any weights
    # were trained on.
    time, band = np.arange(120), np.arange(reference.features.n_mels)[:, None]
    mel = (np.sin(time / 9) + np.cos(band / 7 + time / 15) - 3 - band / 40).astype(np.float32)
    f0 = np.where(time % 40 < 30, 120 + time, 0).astype(np.float32)
    expected = reference(mel, f0)
    error = wavehax.load(isa=isa, precision=precision)(mel, f0) - expected
    assert np.mean(error**2) < 10 ** (decibels / 10) * np.mean(expected**2)


@pytest.mark.parametrize(
    "precision", [name for name in wavehax.available_precisions() if name != "fp32"]
)
def test_a_weight_that_bfloat16_would_make_infinite_is_refused_by_name(precision: str) -> None:
    config = GeneratorConfig(
        n_mels=4,
        channels=4,
        mult_channels=1,
        kernel_size=(3, 3),
        num_blocks=1,
        n_fft=16,
        hop_length=8,
    )
    weights = random_weights(config, 0)
    largest = np.float32(2.0**127 * (2 - 2.0**-7))
    weights["cond_proj.weight"][1, 2, 3] = -largest
    make_engine(config, weights, "auto", precision)
    weights["cond_proj.weight"][1, 2, 3] = -np.nextafter(largest, np.float32(np.inf))
    make_engine(config, weights, "auto", "fp32")
    with pytest.raises(
        ValueError,
        match=r"tensor 'cond_proj.weight' holds -3.389532e\+38: expected at most 3.389531e",
    ):
        make_engine(config, weights, "auto", precision)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="precision='int8': expected one of auto, fp32, bf16"):
        wavehax.load(precision="int8")


@pytest.mark.skipif("portable" in MIXED, reason="this engine emulates pairs")
def test_mixed_precision_is_refused_where_the_processor_has_neither_tiles_nor_pairs() -> None:
    with pytest.raises(
        ValueError,
        match="precision='mixed': expected 'auto' or one that this machine has with isa 'portable'",
    ):
        wavehax.load(isa="portable", precision="mixed")


@pytest.mark.skipif(not TILES, reason="no matrix tiles here")
@pytest.mark.parametrize(
    ("precision", "asked"), [("fp32", False), ("bf16", False), ("mixed", True), ("auto", True)]
)
def test_the_process_asks_for_matrix_tiles_only_where_they_are_wanted(
    precision: str, asked: bool
) -> None:
    code = f"""
import ctypes, wavehax
wavehax.load(isa="{MIXED[0]}", precision="{precision}")
lent = ctypes.c_uint64()
assert ctypes.CDLL(None).syscall({SYS_ARCH_PRCTL}, {ARCH_GET_XCOMP_PERM}, ctypes.byref(lent)) == 0
print(bool(lent.value >> {XFEATURE_XTILEDATA} & 1))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert result.stdout == f"{asked}\n"


def test_auto_is_the_fastest_precision_there_is(isa: str) -> None:
    assert (
        wavehax.load(isa=isa, precision="auto").precision == wavehax.available_precisions(isa)[-1]
    )
